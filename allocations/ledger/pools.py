"""The pools of a resource: one ledger account a quarter, filled from the supply."""

from collections.abc import Iterable
from itertools import chain

from django.db.models import Q, QuerySet, Sum

from allocations.ledger.books import Account, AllocationBooks, Books, Draft
from allocations.ledger.models import AccountKind, LedgerAccount, PostingKind, Transfer
from datacenters.models import Resource
from portal.foundation.clock import Quarter


def ids_of(resource: Resource, quarters: Iterable[Quarter]) -> list[int]:
    """The ids to lock: of the supply and of the pools of `quarters`, made where they are missing."""
    names = {"", *map(str, quarters)}
    accounts = LedgerAccount.objects.filter(resource=resource, allocation_code=None, quarter__in=names)
    ids = list(accounts.values_list("pk", flat=True))
    if len(ids) < len(names):
        LedgerAccount.objects.bulk_create(
            [
                LedgerAccount(
                    resource=resource, kind=AccountKind.POOL if name else AccountKind.SUPPLY, quarter=name
                )
                for name in sorted(names)
            ],
            ignore_conflicts=True,
        )
        ids = list(accounts.values_list("pk", flat=True))
    return ids


def ids_behind(allocation_code: str) -> list[int]:
    """The ids of every pool of an allocation's resource: what it returns may go to any of them."""
    resource = LedgerAccount.objects.filter(allocation_code=allocation_code).values("resource")[:1]
    return list(
        LedgerAccount.objects.filter(kind=AccountKind.POOL, resource=resource).values_list("pk", flat=True)
    )


def created(pool: Account | LedgerAccount, *kinds: PostingKind) -> int:
    """What the supply gave to a pool, less what went back; by postings of `kinds`, or by all."""
    only = Q(posting__kind__in=kinds) if kinds else Q()
    given = Transfer.objects.filter(only, to_account=pool.pk, from_kind=AccountKind.SUPPLY)
    taken = Transfer.objects.filter(only, from_account=pool.pk, to_kind=AccountKind.SUPPLY)
    return _total(given) - _total(taken)


def give_back(books: Books, draft: Draft, allocation: AllocationBooks, amount: int) -> None:
    """Let `amount` flow from what is available to the pools that it came from, the latest quarter first.

    A later quarter's capacity can be awarded again; an earlier one's may be past already.
    """
    for pool, part in parts(books, allocation, amount):
        draft.move(allocation.available, pool, part)


def parts(books: Books, allocation: AllocationBooks, amount: int) -> list[tuple[Account, int]]:
    """The pools that `amount` of what an allocation has would go back to, and how much to each."""
    found = []
    for pool, granted in _granted_from(books, allocation):
        part = min(amount, granted)
        if part:
            found.append((pool, part))
        amount -= part
    return found


def _granted_from(books: Books, allocation: AllocationBooks) -> list[tuple[Account, int]]:
    """The pools behind an allocation, the latest first, each with what it gave less what it got back."""
    sides = (allocation.available.pk, allocation.overrun.pk)
    given = Transfer.objects.filter(to_account__in=sides, from_kind=AccountKind.POOL)
    taken = Transfer.objects.filter(from_account__in=sides, to_kind=AccountKind.POOL)
    net: dict[int, int] = {}
    for pool_id, amount in chain(
        given.values_list("from_account").annotate(Sum("amount")),
        ((pool_id, -amount) for pool_id, amount in taken.values_list("to_account").annotate(Sum("amount"))),
    ):
        net[pool_id] = net.get(pool_id, 0) + amount
    granted = [(books.by_id[pool_id], amount) for pool_id, amount in net.items() if amount > 0]
    return sorted(granted, key=lambda pair: pair[0].quarter, reverse=True)


def _total(transfers: QuerySet[Transfer]) -> int:
    return transfers.aggregate(total=Sum("amount"))["total"] or 0
