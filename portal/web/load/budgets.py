"""Allocations with their awards, and the ledger's postings for them, a thousand at a time. ILLUSTRATIVE."""

from datetime import timedelta
from itertools import batched

from django.db import transaction

from allocations.awards.capacity import portions
from allocations.awards.models import Allocation, Award
from allocations.awards.transitions import AllocationState
from allocations.ledger import pools
from allocations.ledger.books import Books, Draft, write
from allocations.ledger.models import LedgerAccount, PostingKind
from allocations.ledger.models.account import OF_ALLOCATION
from allocations.programme.models import DecisionLine, Fulfilment
from datacenters.models import Resource
from portal.foundation import clock
from portal.people.models import User

BATCH = 1_000


def plant(lines: list[DecisionLine], decider: User) -> list[Allocation]:
    """One allocation a line; what has ended is closed. Saves the lines with their awards."""
    allocations = Allocation.objects.bulk_create(_allocation(line) for line in lines)
    for allocation, line in zip(allocations, lines, strict=True):
        allocation.created_at = line.decision.request.decided_at or allocation.created_at
    Allocation.objects.bulk_update(allocations, ["created_at"], batch_size=BATCH)
    awards = Award.objects.bulk_create(
        Award(
            allocation=allocation,
            gpu_seconds=line.gpu_seconds,
            starts_on=line.starts_on,
            ends_on=line.ends_on,
            decided_by=decider,
        )
        for allocation, line in zip(allocations, lines, strict=True)
    )
    DecisionLine.objects.bulk_create(lines)
    Fulfilment.objects.bulk_create(
        Fulfilment(award=award, decision=line.decision, line=line.line)
        for award, line in zip(awards, lines, strict=True)
    )
    by_resource: dict[Resource, list[Award]] = {}
    for award, line in zip(awards, lines, strict=True):
        by_resource.setdefault(line.resource, []).append(award)
    for resource, of_resource in by_resource.items():
        for some in batched(of_resource, BATCH):
            _post(resource, some, decider)
    return allocations


def _allocation(line: DecisionLine) -> Allocation:
    ended = line.ends_on < clock.today()
    decided_at = line.decision.request.decided_at
    return Allocation(
        project=line.decision.request.project,
        resource=line.resource,
        starts_on=line.starts_on,
        ends_on=line.ends_on,
        state=AllocationState.CLOSED if ended else AllocationState.ACTIVE,
        activated_at=decided_at + timedelta(minutes=4) if decided_at else None,
    )


@transaction.atomic
def _post(resource: Resource, awards: tuple[Award, ...], decider: User) -> None:
    """What `award_post` does, for many at once."""
    spread = {
        award.allocation.code: portions(
            gpu_seconds=award.gpu_seconds, starts_on=award.starts_on, ends_on=award.ends_on
        )
        for award in awards
    }
    LedgerAccount.objects.bulk_create(
        LedgerAccount(resource=resource, kind=kind, allocation_code=code)
        for code in spread
        for kind in OF_ALLOCATION
    )
    quarters = {quarter for parts in spread.values() for quarter in parts}
    books = Books.lock(spread, pools.ids_of(resource, quarters))
    drafts = [
        Draft(
            kind=PostingKind.AWARD,
            key=f"award:{code}",
            allocation_code=code,
            content={
                "portions": {str(quarter): part for quarter, part in parts.items()},
                "oversubscribe": False,
            },
            actor=decider,
        )
        for code, parts in spread.items()
    ]
    for draft, (code, parts) in zip(drafts, spread.items(), strict=True):
        for quarter in sorted(parts):
            books.of(code).credit(draft, books.pool(quarter), parts[quarter])
    write(*drafts)
