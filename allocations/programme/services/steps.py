"""The way of a request through its track: steps open in order, close by rule or by people, never go back."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from allocations.programme import steps as kinds
from allocations.programme.models import AllocationRequest, RequestStep, SiteConsent, TrackStep
from allocations.programme.policies import (
    may_read_internal,
    seat_for_check,
    seat_for_site,
    seat_to_take_over,
)
from allocations.programme.selectors import CHECKS, open_step_of
from allocations.programme.services._gate import locked, locked_for_word, require_round
from allocations.programme.services.announce import tell_holders, tell_overdue
from allocations.programme.services.consents import sites_verdict
from allocations.programme.services.ties import has_a_say, of_request, ties_of_holders
from allocations.programme.steps import Verdict
from allocations.programme.tracks import working_days_after
from allocations.programme.transitions import (
    CONSENT,
    PENDING,
    REQUEST,
    STEP,
    ConsentState,
    RequestState,
    StepState,
)
from datacenters.models import Site
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.foundation.services.sweeps import tried
from portal.people.models import User

BY_RULE = timedelta(minutes=1)


class StepClosed(IllegalState):
    """The step that was meant is closed already: whatever is open now is another one."""

    code = "step_closed"


def steps_begin(request: AllocationRequest) -> None:
    """Lay out the steps of the round that was just submitted, and go as far as rules go."""
    version = request.track_version
    assert version is not None  # noqa: S101 - a submission finds its track first
    _unplace(request)
    RequestStep.objects.bulk_create(
        RequestStep(request=request, round=request.round, step=step, position=step.position, kind=step.kind)
        for step in version.steps.order_by("position")
    )
    steps_advance(request)


def _unplace(request: AllocationRequest) -> None:
    """What an earlier round placed is placed anew: project, period or amount may be others now."""
    for line in request.lines.all():
        if line.placed is not None:
            line.placed = None
            line.store("placed")


def steps_advance(request: AllocationRequest) -> None:
    """Open what comes next, until a step waits for people or the request is decided.

    For callers that hold the request's lock.
    """
    while request.state in PENDING:
        of_round = RequestStep.objects.filter(request=request, round=request.round)
        if of_round.filter(state=StepState.OPEN).exists():
            return
        step = of_round.filter(state=StepState.PENDING).select_related("step").order_by("position").first()
        if step is None:
            return
        step.request = request
        _open(step)
        verdict = kinds.opens(step)
        if verdict is None:
            ties_of_holders(step)
            tell_holders(step)
            return
        step_finish(step, verdict)


def step_finish(
    step: RequestStep, verdict: Verdict, *, actor: User | None = None, seat: User | None = None
) -> None:
    """Close an open step; does nothing where the decision itself closed it already.

    `seat` is in whose seat `actor` did it, if not in their own.
    """
    step = RequestStep.objects.select_related("request", "step").get(pk=step.pk)
    if step.state != StepState.OPEN:
        return
    before = step.snapshot("state")
    step.state = STEP.target(state=step.state, action=verdict.action)
    step.closed_at, step.closed_by, step.note = clock.now(), actor, verdict.note
    step.on_behalf_of = None if seat == actor else seat
    step.store("state", "closed_at", "closed_by", "on_behalf_of", "note")
    audit.record(
        actor=actor,
        action=f"request_step_{verdict.action}",
        target=step.request,
        before={"step": step.kind, **before},
        after={"step": step.kind, **step.snapshot("state"), **_for(step)},
        reason=verdict.note,
    )


@has_a_say(of_request)
def step_close(
    *,
    actor: User,
    request: AllocationRequest,
    passed: bool,
    note: str = "",
    kind: str | None = None,
    round: int | None = None,
) -> AllocationRequest:
    """Pass or fail the open step as one of those whom it waits for; whoever decides sees the note.

    For eligibility, technical check and ethics: reviews, consents and decisions have services of their own.
    `kind` and `round` say which step is meant: a form sent twice, or late, closes none that came after it.
    Failing needs a note. Raises NotAllowed, SecondFactorNeeded, InvalidInput, and IllegalState;
    StepClosed where the one that was meant is closed.
    """
    request = locked_for_word(actor, request)
    if may_read_internal(actor, request):  # It names who closed it.
        require_still_open(request, kind=kind, round=round)
    require(
        actor,
        "programme.check_request",
        request,
        message=_("Only those whom the step waits for may close it, and never on a request of their own."),
    )
    require_second_factor(actor)
    step = open_step_of(request)
    if step is None or step.kind not in CHECKS:
        raise IllegalState(_("No check is open on this request now."))
    if not passed and not note.strip():
        raise InvalidInput(
            _("A reason is needed."), field="note", remedy=_("Say what is amiss: whoever decides reads it.")
        )
    step_finish(
        step,
        Verdict("pass" if passed else "fail", note.strip()),
        actor=actor,
        seat=seat_for_check(actor, request),
    )
    take_up(request)
    steps_advance(request)
    return request


def require_still_open(request: AllocationRequest, *, kind: str | None, round: int | None) -> None:
    """Raises StepClosed where the step that is meant isn't open any more; `kind` None: any is meant."""
    step = open_step_of(request)
    if kind is None or (step is not None and step.kind == kind and round in (None, step.round)):
        return
    meant = RequestStep.objects.filter(request=request, kind=kind, round=round or request.round)
    closed = meant.filter(closed_at__isnull=False).select_related("closed_by").first()
    if closed is None:
        raise IllegalState(_("This step isn't open."), remedy=_("The page of the request says what is."))
    raise StepClosed(
        _("This step was already closed by %(who)s.") % {"who": closed.closed_by or _("the rule")},
        remedy=_("Nothing else was changed."),
    )


@has_a_say(of_request)
def consent_answer(
    *,
    actor: User,
    request: AllocationRequest,
    site: Site,
    given: bool,
    reason: str = "",
    round: int | None = None,
) -> SiteConsent:
    """A site's word on a request, until it is decided: refusing needs a reason and may follow a consent.

    Once it is overdue, programme admins may answer for a silent site; that always needs a reason. `round`
    says which submission is answered, where the sender knows. Raises NotAllowed unless `actor` answers for
    the site without an interest, SecondFactorNeeded, InvalidInput, IllegalState.
    """
    request = locked_for_word(actor, request)
    consent = SiteConsent.objects.filter(request=request, round=request.round, site=site).first()
    if consent is not None:
        consent.request = request
    require(
        actor,
        "programme.answer_for_site",
        consent or SiteConsent(request=request, round=request.round, site=site),
        message=_("Only a manager of the site answers for it, and never on a request of their own."),
    )
    require_second_factor(actor)
    if consent is None or request.state not in PENDING:
        raise IllegalState(_("This site isn't asked about this request now."))
    require_round(request, round)
    seat = seat_for_site(actor, consent)
    _require_reason(given=given, taken_over=seat is None, reason=reason)
    consent.taken_over = seat is None
    seat = seat or seat_to_take_over(actor, consent)
    consent.on_behalf_of = None if seat == actor else seat
    _consent(consent, "give" if given else "refuse", actor=actor, reason=reason.strip())
    take_up(request)
    _close_consents(request)
    return consent


@transaction.atomic
def consents_presume(*, request: AllocationRequest) -> int:
    """Sites that were silent until their due time have consented; returns how many."""
    request = locked(request)
    due = SiteConsent.objects.filter(
        request=request,
        round=request.round,
        state=ConsentState.ASKED,
        silence_consents=True,
        due_at__lte=clock.now(),
    )
    presumed = 0
    for consent in due:
        _consent(consent, "presume", actor=None)
        presumed += 1
    if presumed and request.state in PENDING:
        _close_consents(request)
    return presumed


@transaction.atomic
def step_escalate(*, step: RequestStep) -> bool:
    """Tell everybody concerned, once, that a step is overdue; from then on admins may take it over."""
    step = (
        RequestStep.objects.select_for_update(of=("self",)).select_related("request", "step").get(pk=step.pk)
    )
    if not step.is_overdue or step.escalated_at:
        return False
    step.escalated_at = clock.now()
    step.store("escalated_at")
    audit.record(actor=None, action="request_step_escalate", target=step.request, after={"step": step.kind})
    tell_overdue(step)
    return True


def steps_sweep() -> dict[str, int]:
    """What the clock does: presume consents, escalate what is overdue. May run any number of times."""
    silent = (
        AllocationRequest.objects.filter(
            state__in=PENDING,
            consents__round=F("round"),
            consents__state=ConsentState.ASKED,
            consents__silence_consents=True,
            consents__due_at__lte=clock.now(),
        )
        .distinct()
        .order_by("id")
    )
    overdue = RequestStep.objects.filter(
        state=StepState.OPEN, due_at__lt=clock.now(), escalated_at=None, request__state__in=PENDING
    )
    return {
        "presumed": sum(tried(consents_presume, request=request) or 0 for request in silent),
        "escalated": sum(tried(step_escalate, step=step) or 0 for step in overdue),
    }


def steps_stop(request: AllocationRequest, *, actor: User | None, action: str) -> None:
    """The request is decided, returned or withdrawn: what is open ends with `action`, the rest falls away."""
    for step in RequestStep.objects.filter(
        request=request, round=request.round, state__in=[StepState.PENDING, StepState.OPEN]
    ):
        step.state = STEP.target(state=step.state, action=action if step.state == StepState.OPEN else "skip")
        step.closed_at, step.closed_by = clock.now(), actor
        step.store("state", "closed_at", "closed_by")


def take_up(request: AllocationRequest) -> None:
    """Somebody has begun to look at it."""
    if request.state != RequestState.SUBMITTED:
        return
    before = request.snapshot("state")
    request.state = REQUEST.target(state=request.state, action="take_up")
    request.store("state")
    audit.record(
        actor=None, action="request_take_up", target=request, before=before, after=request.snapshot("state")
    )


def _open(step: RequestStep) -> None:
    now = clock.now()
    by_rule = step.step.by == TrackStep.By.RULE
    step.state = STEP.target(state=step.state, action="open")
    step.opened_at = now
    step.due_at = now + BY_RULE if by_rule else working_days_after(now, step.step.working_days)
    step.store("state", "opened_at", "due_at")


def _consent(consent: SiteConsent, action: str, *, actor: User | None, reason: str = "") -> None:
    before: dict[str, Any] = consent.snapshot("state")
    consent.state = CONSENT.target(state=consent.state, action=action)
    consent.answered_by, consent.answered_at, consent.reason = actor, clock.now(), reason
    consent.store("state", "answered_by", "on_behalf_of", "answered_at", "taken_over", "reason")
    audit.record(
        actor=actor,
        action=f"request_consent_{action}{'_for' if consent.taken_over else ''}",
        target=consent.request,
        before={"site": consent.site.code, **before},
        after={"site": consent.site.code, **consent.snapshot("state"), **_for(consent)},
        reason=reason,
    )


def _require_reason(*, given: bool, taken_over: bool, reason: str) -> None:
    if reason.strip() or (given and not taken_over):
        return
    raise InvalidInput(
        _("A reason is needed."),
        field="reason",
        remedy=_("Say why you answer in the site's place.")
        if taken_over
        else _("Say why the site can't take it."),
    )


def _for(word: RequestStep | SiteConsent) -> dict[str, str]:
    """In whose seat a deputy spoke, for the audit."""
    return {"on_behalf_of": word.on_behalf_of.code} if word.on_behalf_of else {}


def _close_consents(request: AllocationRequest) -> None:
    """Go on once every site has answered."""
    step = open_step_of(request)
    if step is None or step.kind != TrackStep.Kind.CONSENT or (verdict := sites_verdict(request)) is None:
        return
    step_finish(step, verdict)
    steps_advance(request)
