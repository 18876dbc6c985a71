"""The waiting list: GPU-seconds approved while they weren't free, served in order as they come free."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.capacity import forecast, most_that_fits
from allocations.awards.models import Allocation
from allocations.awards.services import allocation_supplement, award_make
from allocations.awards.transitions import ENDED, AllocationState
from allocations.programme.checks import require_eligible, require_placeable
from allocations.programme.models import DecisionLine, WaitingEntry
from allocations.programme.services.announce import tell_served
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.foundation.services.sweeps import tried
from portal.people.models import User

State = WaitingEntry.State


def waiting_begin(line: DecisionLine) -> WaitingEntry | None:
    """Take a place for what a decision's line couldn't be given yet; None where nothing waits."""
    if not line.waiting_gpu_seconds:
        return None
    entry = WaitingEntry.objects.create(
        decision_line=line, resource=line.resource, gpu_seconds=line.waiting_gpu_seconds
    )
    audit.record(
        actor=line.decision.decided_by,
        action="waiting_begin",
        target=entry,
        after={
            "request": line.decision.request.code,
            "resource": line.resource.code,
            "gpu_seconds": entry.gpu_seconds,
        },
    )
    return entry


@transaction.atomic
def waiting_serve(*, resource: Resource) -> int:
    """Give what is free of `resource` to those who wait for it, in order. Returns how many GPU-seconds.

    Whoever comes first is given as much as is free over their period; nobody further back is served before
    the first has all of theirs. May run at any time and any number of times.
    """
    given = 0
    queue = WaitingEntry.objects.select_for_update(of=("self",)).filter(
        resource=resource, state=State.WAITING
    )
    for entry in queue.select_related("decision_line__decision__request__project", "resource").order_by("id"):
        line = entry.decision_line
        if line.ends_on < clock.today() or not _still_due(entry):
            _end(entry, State.LAPSED, actor=None)
            continue
        given += _serve(entry, max(line.starts_on, clock.today()))
        if entry.state == State.WAITING:
            break
    return given


def waiting_sweep() -> int:
    """Serve every resource for which somebody waits. Returns how many GPU-seconds were given."""
    waited_for = Resource.objects.filter(waiting__state=State.WAITING).distinct().order_by("pk")
    return sum(tried(waiting_serve, resource=resource) or 0 for resource in waited_for)


@transaction.atomic
def waiting_withdraw(*, actor: User, entry: WaitingEntry) -> WaitingEntry:
    """Give up a place; what was served stays. For those who lead the project. Raises IllegalState."""
    entry = (
        WaitingEntry.objects.select_for_update(of=("self",))
        .select_related("decision_line__decision__request__project")
        .get(pk=entry.pk)
    )
    require(actor, "programme.write_request", entry.decision_line.decision.request)
    if entry.state != State.WAITING:
        raise IllegalState(_("Nothing waits here any more."))
    _end(entry, State.WITHDRAWN, actor=actor)
    return entry


def _still_due(entry: WaitingEntry) -> bool:
    """Whether the reason to give it still stands: nothing was revoked, and all could ask for it today."""
    line = entry.decision_line
    if line.award and line.award.allocation.state == AllocationState.REVOKED:
        return False
    try:
        require_eligible(line.decision.request, [entry.resource])
        require_placeable(line.decision.request, [entry.resource])
    except InvalidInput:
        return False
    return True


def _serve(entry: WaitingEntry, starts_on: date) -> int:
    line = entry.decision_line
    allocation = _allocation_of(entry)
    ends_on = allocation.ends_on if allocation else line.ends_on
    figures = forecast(resource=entry.resource, gpu_seconds=entry.rest, starts_on=starts_on, ends_on=ends_on)
    amount = min(entry.rest, most_that_fits(figures, starts_on=starts_on, ends_on=ends_on))
    if amount <= 0:
        return 0
    try:
        with transaction.atomic():
            _award(entry, allocation, amount, starts_on)
    except Refused:  # somebody was quicker, or a quota is full
        return 0
    before = entry.snapshot("served_gpu_seconds", "state")
    entry.served_gpu_seconds += amount
    entry.state = State.WAITING if entry.rest else State.SERVED
    entry.store("served_gpu_seconds", "state")
    audit.record(
        actor=None,
        action="waiting_serve",
        target=entry,
        before=before,
        after=entry.snapshot("served_gpu_seconds", "state"),
    )
    tell_served(entry, amount)
    return amount


def _allocation_of(entry: WaitingEntry) -> Allocation | None:
    """The allocation that the same line was given already, while it runs."""
    award = entry.decision_line.award
    if award is None:
        return None
    allocation = award.allocation
    return None if allocation.state in ENDED or allocation.ends_on < clock.today() else allocation


def _award(entry: WaitingEntry, allocation: Allocation | None, amount: int, starts_on: date) -> None:
    line = entry.decision_line
    reason = _("From the waiting list (%(code)s).") % {"code": entry.code}
    if allocation is not None:
        key = f"waiting:{entry.code}:{entry.served_gpu_seconds}"
        allocation_supplement(allocation=allocation, gpu_seconds=amount, actor=None, reason=reason, key=key)
        return
    award_make(
        # Nobody decides now: who did then may have come to belong to the project since, and all would wait.
        actor=None,
        project=line.decision.request.project,
        resource=entry.resource,
        gpu_seconds=amount,
        starts_on=starts_on,
        ends_on=line.ends_on,
        reason=reason,
    )


def _end(entry: WaitingEntry, state: State, *, actor: User | None) -> None:
    before = entry.snapshot("state")
    entry.state = state
    entry.store("state")
    audit.record(
        actor=actor,
        action=f"waiting_{'withdraw' if state == State.WITHDRAWN else 'lapse'}",
        target=entry,
        before=before,
        after=entry.snapshot("state"),
    )
