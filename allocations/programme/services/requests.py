"""Writing a request: draft, submit, withdraw. Amounts are GPU-seconds; days are Pakistan's."""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme.checks import require_complete
from allocations.programme.models import AllocationRequest, RequestLine, RequestVersion
from allocations.programme.policies import EDITABLE
from allocations.programme.services._gate import locked
from allocations.programme.services.steps import steps_begin, steps_stop
from allocations.programme.tracks import content_of, track_for
from allocations.programme.transitions import REQUEST
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.people.models import User

FIELDS = ("project", "starts_on", "ends_on", "justification")


@transaction.atomic
def request_create(
    *,
    actor: User,
    project: Project,
    resource: Resource | None = None,
    gpu_seconds: int | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
    justification: str = "",
) -> AllocationRequest:
    """Begin a draft; all but the project may come later.

    Raises NotAllowed unless `actor` leads the project, InvalidInput for what can never be right.
    """
    require(actor, "programme.add_request", project, message=_only_leads())
    _check(gpu_seconds, starts_on, ends_on)
    request = AllocationRequest.objects.create(
        project=project,
        requested_by=actor,
        starts_on=starts_on,
        ends_on=ends_on,
        justification=justification,
    )
    RequestLine.objects.create(request=request, resource=resource, gpu_seconds=gpu_seconds)
    audit.record(actor=actor, action="request_create", target=request, after=_snapshot(request))
    return request


@transaction.atomic
def request_update(
    *,
    actor: User,
    request: AllocationRequest,
    project: Project,
    resource: Resource | None,
    gpu_seconds: int | None,
    starts_on: date | None,
    ends_on: date | None,
    justification: str,
) -> AllocationRequest:
    """Rewrite a draft or a returned request. Refuses as `request_create`; IllegalState once submitted."""
    request = locked(request)
    require(actor, "programme.write_request", request, message=_only_leads())
    if request.state not in EDITABLE:
        raise IllegalState(
            _("A request that is “%(state)s” can't be changed.") % {"state": request.get_state_display()},
            remedy=_("Withdraw it and write a new one, or ask for it to be returned."),
        )
    if project != request.project:
        require(actor, "programme.add_request", project, message=_only_leads())
    _check(gpu_seconds, starts_on, ends_on)
    before = _snapshot(request)
    request.project, request.justification = project, justification
    request.starts_on, request.ends_on = starts_on, ends_on
    request.store(*FIELDS)
    line = request.lines.get()
    line.resource, line.gpu_seconds = resource, gpu_seconds
    line.store("resource", "gpu_seconds")
    after = _snapshot(request)
    changed = {field for field in after if after[field] != before[field]}
    if changed:
        audit.record(
            actor=actor,
            action="request_update",
            target=request,
            before={field: before[field] for field in changed},
            after={field: after[field] for field in changed},
        )
    return request


@transaction.atomic
def request_submit(*, actor: User, request: AllocationRequest) -> AllocationRequest:
    """Hand a draft or a returned request in. Raises InvalidInput for what is missing or can't be granted."""
    request = locked(request)
    require(actor, "programme.write_request", request, message=_only_leads())
    target = REQUEST.target(state=request.state, action="submit")
    require_complete(request)
    before = request.snapshot("state")
    request.state, request.submitted_at = target, clock.now()
    request.track_version, request.round = track_for(request), request.round + 1
    request.store("state", "submitted_at", "track_version", "round")
    # require_complete found a track a moment ago.
    assert request.track_version is not None  # noqa: S101
    RequestVersion.objects.create(
        request=request,
        round=request.round,
        content=content_of(request),
        track_version=request.track_version,
        submitted_by=actor,
        submitted_at=request.submitted_at,
    )
    audit.record(
        actor=actor,
        action="request_submit",
        target=request,
        before=before,
        after={
            "state": request.state,
            "round": request.round,
            "track": request.track_version.code,
            **_snapshot(request),
        },
    )
    steps_begin(request)
    return request


@transaction.atomic
def request_withdraw(*, actor: User, request: AllocationRequest, reason: str = "") -> AllocationRequest:
    """Take a request back for good; it stays on record. IllegalState once it is decided."""
    request = locked(request)
    require(actor, "programme.write_request", request, message=_only_leads())
    before = request.snapshot("state")
    request.state = REQUEST.target(state=request.state, action="withdraw")
    request.store("state")
    steps_stop(request, actor=actor, action="skip")
    audit.record(
        actor=actor,
        action="request_withdraw",
        target=request,
        before=before,
        after=request.snapshot("state"),
        reason=reason.strip(),
    )
    return request


def _check(gpu_seconds: int | None, starts_on: date | None, ends_on: date | None) -> None:
    if gpu_seconds is not None and gpu_seconds <= 0:
        raise InvalidInput(
            _("The GPU-hours must be more than nothing."),
            field="gpu_hours",
            remedy=_("Ask for at least 0.01."),
        )
    if starts_on and ends_on and ends_on < starts_on:
        raise InvalidInput(
            _("The period ends before it begins."), field="ends_on", remedy=_("Choose a later last day.")
        )


def _snapshot(request: AllocationRequest) -> dict[str, Any]:
    line = request.lines.get()
    return {**request.snapshot(*FIELDS), **line.snapshot("resource", "gpu_seconds")}


def _only_leads() -> str:
    return _("Only a project's principal investigator and managers write its requests.")
