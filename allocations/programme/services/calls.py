"""Calls for proposals: written, published, closed by the clock, and their results made public."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme import papers
from allocations.programme.models import Call, CallBudget, CallDocument, Rubric, Track
from allocations.programme.services.awarding import granted_within
from allocations.programme.transitions import RequestState
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.formats import hours
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, records
from portal.people.models import User

FIELDS = (
    "track",
    "title_en",
    "title_ur",
    "text_en",
    "text_ur",
    "opens_at",
    "closes_at",
    "decided_by_on",
    "rubric",
)
MOST_DOCUMENTS = 10


@transaction.atomic
def call_create(
    *,
    actor: User,
    track: Track,
    title_en: str,
    title_ur: str,
    text_en: str,
    opens_at: datetime,
    closes_at: datetime,
    decided_by_on: date,
    text_ur: str = "",
    rubric: Rubric | None = None,
) -> Call:
    """Begin a call; nobody else sees it until it is published. For programme admins. Raises InvalidInput."""
    _require_admin(actor)
    call = Call(
        track=track,
        title_en=title_en,
        title_ur=title_ur,
        text_en=text_en,
        text_ur=text_ur,
        opens_at=opens_at,
        closes_at=closes_at,
        decided_by_on=decided_by_on,
        rubric=rubric,
        made_by=actor,
    )
    _check_window(call)
    return records.insert(actor=actor, action="call_create", record=call, shown=FIELDS)


@transaction.atomic
def call_update(*, actor: User, call: Call, reason: str = "", **changes: Any) -> Call:
    """Change a call. Once it has opened only words and later dates may change: nobody is cut off or judged
    by another rubric than was announced.

    Raises InvalidInput, IllegalState, NotAllowed.
    """
    _require_admin(actor)
    records.only(changes, frozenset(FIELDS))
    call = Call.objects.select_for_update().get(pk=call.pk)
    if call.published_at is not None and call.opens_at <= clock.now():
        for name in ("track", "rubric", "opens_at"):
            if name in changes and changes[name] != getattr(call, name):
                raise IllegalState(
                    _("This can't change once the call has opened."),
                    field=name,
                    remedy=_("Leave it as it was."),
                )
        if changes.get("closes_at", call.closes_at) < call.closes_at:
            raise IllegalState(
                _("A published cut-off can only move later."),
                field="closes_at",
                remedy=_("Keep it, or choose a later moment."),
            )
    for name, value in changes.items():
        setattr(call, name, value)
    _check_window(call)
    return records.update(actor=actor, action="call_update", record=call, changes=changes, reason=reason)


@transaction.atomic
def call_publish(*, actor: User, call: Call) -> Call:
    """Show it to everybody. It takes requests from its opening to its cut-off. Raises IllegalState."""
    _require_admin(actor)
    call = Call.objects.select_for_update().get(pk=call.pk)
    if call.published_at is not None:
        raise IllegalState(_("It is published already."))
    if call.closes_at <= clock.now():
        raise IllegalState(_("Its cut-off is over."), remedy=_("Set a later one first."))
    return records.update(
        actor=actor, action="call_publish", record=call, changes={"published_at": clock.now()}
    )


@transaction.atomic
def call_publish_results(*, actor: User, call: Call) -> Call:
    """Make public what was decided, once nothing of the call is pending any more. Raises IllegalState."""
    _require_admin(actor)
    call = Call.objects.select_for_update().get(pk=call.pk)
    if call.results_at is not None:
        raise IllegalState(_("The results are published already."))
    pending = call.requests.filter(
        state__in=[RequestState.SUBMITTED, RequestState.UNDER_REVIEW, RequestState.RETURNED]
    ).count()
    if call.is_open or pending:
        raise IllegalState(
            _("%(count)s requests of this call aren't decided yet.") % {"count": pending}
            if pending
            else _("The call is still open."),
            figures={"pending": pending},
        )
    return records.update(
        actor=actor, action="call_publish_results", record=call, changes={"results_at": clock.now()}
    )


@transaction.atomic
def call_budget_set(*, actor: User, call: Call, resource: Resource, gpu_seconds: int) -> None:
    """What the call's awards on a resource may come to; 0 takes the bound away.

    Raises InvalidInput for less than what was granted already.
    """
    _require_admin(actor)
    call = Call.objects.select_for_update().get(pk=call.pk)
    if gpu_seconds < 0:
        raise InvalidInput(_("The GPU-hours can't be negative."), field="gpu_hours")
    before = call.budgets.select_for_update().filter(resource=resource).first()
    granted = granted_within(call.pk, resource.pk)
    if 0 < gpu_seconds < granted:
        raise InvalidInput(
            _("%(granted)s GPU-hours of %(resource)s are granted already.")
            % {"granted": hours(granted), "resource": resource},
            field="gpu_hours",
            remedy=_("Set at least that much."),
            figures={"granted": granted},
        )
    if gpu_seconds:
        CallBudget.objects.update_or_create(
            call=call, resource=resource, defaults={"gpu_seconds": gpu_seconds}
        )
    elif before:
        before.delete()
    audit.record(
        actor=actor,
        action="call_budget_set",
        target=call,
        before={"resource": resource.code, "gpu_seconds": before.gpu_seconds if before else 0},
        after={"resource": resource.code, "gpu_seconds": gpu_seconds},
    )


@transaction.atomic
def call_document_add(*, actor: User, call: Call, title: str, upload: Any) -> CallDocument:
    """Add a PDF that applicants read. Raises InvalidInput (title, file)."""
    _require_admin(actor)
    call = Call.objects.select_for_update().get(pk=call.pk)
    if call.documents.count() >= MOST_DOCUMENTS:
        raise InvalidInput(
            _("A call has at most %(most)s documents.") % {"most": MOST_DOCUMENTS}, field="file"
        )
    papers.require_pdf(upload)
    document = CallDocument(call=call, title=title.strip() or papers.title_of(upload), size=upload.size)
    document.file.save("call.pdf", upload, save=False)
    document.save()
    audit.record(
        actor=actor,
        action="call_document_add",
        target=call,
        after={"document": document.code, "title": document.title, "sha256": papers.digest_of(document.file)},
    )
    return document


@transaction.atomic
def call_document_remove(*, actor: User, document: CallDocument) -> None:
    """Take a document away."""
    _require_admin(actor)
    audit.record(
        actor=actor,
        action="call_document_remove",
        target=document.call,
        before={"document": document.code, "title": document.title},
    )
    file = document.file
    document.delete()
    transaction.on_commit(lambda: file.storage.delete(file.name or ""))


def _require_admin(actor: User) -> None:
    require(actor, "programme.administer", message=_("Only programme admins may change this."))
    require_second_factor(actor)


def _check_window(call: Call) -> None:
    if call.closes_at <= call.opens_at:
        raise InvalidInput(
            _("The cut-off comes before the opening."), field="closes_at", remedy=_("Choose a later moment.")
        )
    if call.decided_by_on < clock.day_of(call.closes_at):
        raise InvalidInput(
            _("Decisions can't be due before the cut-off."),
            field="decided_by_on",
            remedy=_("Choose the day of the cut-off or a later one."),
        )
