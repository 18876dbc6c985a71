"""What only an appeal that was upheld leads to: back from a decline, and the rest of a partial award."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.quotas.checks import quotas_lock
from allocations.awards.transitions import AllocationState
from allocations.programme.models import (
    AllocationRequest,
    Decision,
    DecisionLine,
    RequestLine,
    RequestStep,
    RequestVersion,
    TrackStep,
)
from allocations.programme.services._gate import locked
from allocations.programme.services.awarding import (
    award_more,
    require_budget,
    require_grantable,
    running_allocation,
)
from allocations.programme.services.steps import steps_advance
from allocations.programme.tracks import content_of
from allocations.programme.transitions import REQUEST
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
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


def last_approval(request: AllocationRequest) -> Decision | None:
    """The word of the latest round that made the awards; the first of two only proposed them."""
    words = request.decisions.filter(round=request.round, outcome=Decision.Outcome.APPROVED)
    return words.prefetch_related("lines__resource__site").order_by("id").last()


def shortfall(request: AllocationRequest) -> dict[RequestLine, int]:
    """What each line of an approved request was granted less than it asked for, in GPU-seconds.

    What waits for free capacity is granted.
    """
    approval = last_approval(request)
    granted = {line.line_id: line.gpu_seconds for line in approval.lines.all()} if approval else {}
    lacking = {line: (line.gpu_seconds or 0) - granted.get(line.pk, 0) for line in request.lines.all()}
    return {line: amount for line, amount in lacking.items() if amount > 0}


@transaction.atomic
def request_award_rest(*, request: AllocationRequest, actor: User, reason: str, key: str) -> None:
    """Award what the lines of an approved request lack, each where its part was granted already.

    What lacks of a line joins its allocation, or opens one until the request's last day. The gate is a
    decision's: eligibility, data class, consents, the call's budget, capacity and quotas. Who may is the
    caller's policy. Raises IllegalState (the period is over, or the allocation was revoked), InvalidInput,
    Refused (`over_budget`, `over_capacity`, `over_quota`).
    """
    request = locked(request)
    approval = last_approval(request)
    lacking = shortfall(request)
    if approval is None or not lacking:
        return
    if request.ends_on is None or request.ends_on < clock.today():
        raise IllegalState(_("The asked period is over."), remedy=_("Dismiss it, and ask for a new request."))
    fed = Allocation.objects.filter(
        awards__fulfilment__decision=approval, awards__fulfilment__line__in=lacking
    )
    if fed.filter(state=AllocationState.REVOKED).exists():
        raise IllegalState(
            _("The allocation of this request was revoked."),
            remedy=_("Dismiss it, and ask for a new request."),
        )
    starts_on = max(request.starts_on or clock.today(), clock.today())
    decided = {line.line_id: line for line in approval.lines.all()}
    places = {line: _place_of(line, decided.get(line.pk)) for line in lacking}
    wanted: dict[Resource, int] = {}
    for line, resource in places.items():
        wanted[resource] = wanted.get(resource, 0) + lacking[line]
    require_grantable(request, wanted)
    require_budget(request, wanted)
    running = {line: running_allocation(approval, line) for line in places}
    # In one order for all, as changes lock them: allocations, quotas, then a resource's pools at each award.
    joined = [allocation.pk for allocation in running.values() if allocation]
    list(Allocation.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=joined).order_by("pk"))
    quotas_lock(
        (resource, starts_on, allocation.ends_on if (allocation := running[line]) else request.ends_on)
        for line, resource in places.items()
    )
    for line, resource in sorted(places.items(), key=lambda place: place[1].pk):
        award_more(
            decision=approval,
            line=line,
            resource=resource,
            gpu_seconds=lacking[line],
            starts_on=starts_on,
            ends_on=request.ends_on,
            actor=actor,
            reason=reason,
            key=f"{key}:{line.pk}",
            on_appeal=True,
        )


def _place_of(line: RequestLine, decided: DecisionLine | None) -> Resource:
    resource = decided.resource if decided else line.target
    if resource is None:
        raise InvalidInput(
            _("No resource is chosen for a line."), field="resource", remedy=_("Ask for a new request.")
        )
    return resource
