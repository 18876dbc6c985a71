"""The waiting list: GPU-seconds approved while they weren't free, served in order as they come free."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.capacity import part_that_fits, portions
from allocations.awards.services import capacity_follow
from allocations.awards.transitions import AllocationState
from allocations.programme.models import DecisionLine, WaitingEntry
from allocations.programme.services.announce import tell_served
from allocations.programme.services.awarding import award_more, require_grantable, running_allocation
from allocations.programme.services.grants import as_quarters
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.foundation.services.sweeps import tried
from portal.people.models import User

State = WaitingEntry.State


def waiting_begin(line: DecisionLine, *, by_quarter: dict[str, int]) -> WaitingEntry | None:
    """Take a place for what a decision's line couldn't be given yet; None where nothing waits.

    `by_quarter` says how much of each quarter waits; empty: evenly over the period.
    """
    if not line.waiting_gpu_seconds:
        return None
    entry = WaitingEntry.objects.create(
        decision_line=line,
        resource=line.resource,
        gpu_seconds=line.waiting_gpu_seconds,
        by_quarter=by_quarter,
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


def waiting_serve(*, resource: Resource) -> int:
    """Give what is free of `resource` to those who wait for it, in order. Returns how many GPU-seconds.

    The order: the earliest place comes first and is given as much as is free over its period. What it still
    wants of a quarter then is kept for it: those behind it get only what that leaves, so that nobody waits
    for GPU-seconds which the first can't use, and nobody takes those which it can. Who can't be served for a
    reason of their own (a quota, a consent, a verification that lapsed) is passed over, keeps the place, and
    keeps nothing from the others.

    First the pools follow what there is: what an outage took isn't awarded again. Each place is a
    transaction of its own; one that fails is logged, keeps what it wants, and is tried again by the next
    run. May run at any time and any number of times.
    """
    capacity_follow(resource=resource)
    given, kept = 0, Counter[Quarter]()
    queue = WaitingEntry.objects.filter(resource=resource, state=State.WAITING).order_by("pk")
    for entry in list(queue.select_related("decision_line__decision")):
        turn = tried(_serve, entry=entry, kept=kept) or Turn(keeps=_wanted(entry))
        given += turn.given
        kept.update(turn.keeps)
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


@dataclass(frozen=True)
class Turn:
    """What a place was given, and what is kept for it from those behind (quarter → GPU-seconds)."""

    given: int = 0
    keeps: Mapping[Quarter, int] = field(default_factory=dict)


@transaction.atomic
def _serve(*, entry: WaitingEntry, kept: Mapping[Quarter, int]) -> Turn:
    """Give one place what is free beyond what is `kept` for those before it."""
    entry = (
        WaitingEntry.objects.select_for_update(of=("self",))
        .select_related("decision_line__decision__request__project__organisation", "resource__site")
        .get(pk=entry.pk)
    )
    line = entry.decision_line
    if entry.state != State.WAITING:
        return Turn()
    if line.ends_on < clock.today() or _is_revoked(line):
        _end(entry, State.LAPSED, actor=None)
        return Turn()
    try:
        require_grantable(line.decision.request, [entry.resource])
    except InvalidInput:
        return Turn()
    share = _share_of(entry)
    spread = part_that_fits(resource=entry.resource, kept=kept, **vars(share))
    given = _award(entry, share, spread) if spread else 0
    # Where a quota keeps it from more, what is free is of no use to it.
    wants_more = given in {None, sum(spread.values())}
    return Turn(given or 0, _wanted(entry) if wants_more else {})


def _wanted(entry: WaitingEntry) -> Mapping[Quarter, int]:
    """What a place still wants of each quarter; nothing once all is served, or its period is over."""
    if not entry.rest or entry.decision_line.ends_on < clock.today():
        return {}
    return portions(**vars(_share_of(entry)))


@dataclass(frozen=True)
class Share:
    """What a place still wants, from when until when; `by_quarter` empty: evenly."""

    gpu_seconds: int
    starts_on: date
    ends_on: date
    by_quarter: dict[str, int]


def _share_of(entry: WaitingEntry) -> Share:
    """What was for quarters that are over is wanted in the first that is left."""
    line = entry.decision_line
    allocation = running_allocation(line.decision, line.line)
    starts_on = max(line.starts_on, clock.today())
    first = str(Quarter.of(starts_on))
    by_quarter: dict[str, int] = {}
    for name, part in entry.by_quarter.items():
        by_quarter[max(name, first)] = by_quarter.get(max(name, first), 0) + part
    return Share(entry.rest, starts_on, allocation.ends_on if allocation else line.ends_on, by_quarter)


def _is_revoked(line: DecisionLine) -> bool:
    return line.award is not None and line.award.allocation.state == AllocationState.REVOKED


def _award(entry: WaitingEntry, share: Share, spread: dict[Quarter, int]) -> int | None:
    """Award the largest part of `spread` that the quotas let through. Returns how much that is.

    None: somebody was quicker, and the next run sees what is left.
    """
    while spread:
        try:
            with transaction.atomic():
                _award_exactly(entry, share, spread)
        except Refused as refusal:
            if refusal.code != "over_quota":
                return None
            spread = _lowered(spread, refusal.figures)
        else:
            _served(entry, share, spread)
            return sum(spread.values())
    return 0


def _lowered(spread: dict[Quarter, int], figures: dict[str, Any]) -> dict[Quarter, int]:
    """The same shape, as small as the quota asks that refused it."""
    lowered = {
        quarter: part * figures["free"] // figures["wanted"] for quarter, part in spread.items() if part
    }
    return {quarter: part for quarter, part in lowered.items() if part}


def _award_exactly(entry: WaitingEntry, share: Share, spread: dict[Quarter, int]) -> None:
    line = entry.decision_line
    award_more(
        decision=line.decision,
        line=line.line,
        resource=entry.resource,
        gpu_seconds=sum(spread.values()),
        starts_on=share.starts_on,
        ends_on=share.ends_on,
        # Nobody decides now: who did then may have come to belong to the project since, and all would wait.
        actor=None,
        reason=_("From the waiting list (%(code)s).") % {"code": entry.code},
        key=f"waiting:{entry.code}:{entry.served_gpu_seconds}",
        by_quarter=as_quarters(spread),
    )


def _served(entry: WaitingEntry, share: Share, spread: dict[Quarter, int]) -> None:
    before = entry.snapshot("served_gpu_seconds", "state")
    given = as_quarters(spread)
    entry.served_gpu_seconds += sum(spread.values())
    entry.by_quarter = {
        name: part - given.get(name, 0)
        for name, part in share.by_quarter.items()
        if part > given.get(name, 0)
    }
    entry.state = State.WAITING if entry.rest else State.SERVED
    entry.store("served_gpu_seconds", "by_quarter", "state")
    audit.record(
        actor=None,
        action="waiting_serve",
        target=entry,
        before=before,
        after=entry.snapshot("served_gpu_seconds", "state"),
    )
    tell_served(entry, sum(spread.values()))


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
