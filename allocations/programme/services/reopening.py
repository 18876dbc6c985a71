"""Back from a decline: only an appeal that was upheld leads there."""

from django.db import transaction

from allocations.programme.models import AllocationRequest, RequestStep, RequestVersion, TrackStep
from allocations.programme.services._gate import locked
from allocations.programme.services.steps import steps_advance
from allocations.programme.tracks import content_of
from allocations.programme.transitions import REQUEST
from portal.foundation import clock
from portal.foundation.services import audit
from portal.people.models import User


@transaction.atomic
def request_reopen(*, request: AllocationRequest, actor: User, reason: str) -> AllocationRequest:
    """A declined request goes back to its decision step, in a round of its own and to other deciders.

    What was checked and reviewed before stands. Who declined it is refused by policy and by trigger. Who may
    is the caller's policy. Raises IllegalState where it isn't declined.
    """
    request = locked(request)
    before = request.snapshot("state", "round")
    request.state = REQUEST.target(state=request.state, action="reopen")
    request.round += 1
    request.decided_at = None
    request.store("state", "round", "decided_at")
    version = request.track_version
    if version is not None and request.submitted_at is not None:
        RequestVersion.objects.create(
            request=request,
            round=request.round,
            content=content_of(request),
            track_version=version,
            submitted_by=request.requested_by,
            submitted_at=clock.now(),
        )
        step = version.steps.filter(kind=TrackStep.Kind.DECISION).first()
        if step is not None:
            RequestStep.objects.create(
                request=request, round=request.round, step=step, position=step.position, kind=step.kind
            )
    audit.record(
        actor=actor,
        action="request_reopen",
        target=request,
        before=before,
        after=request.snapshot("state", "round"),
        reason=reason,
    )
    steps_advance(request)
    return request
