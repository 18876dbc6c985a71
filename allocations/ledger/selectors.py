"""Reads of the ledger, each in a constant number of queries. Amounts are GPU-seconds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from allocations.ledger import policies
from allocations.ledger.models import AccountKind, Hold, LedgerAccount, Posting, PostingKind, Transfer
from allocations.ledger.models.account import WITHHELD
from datacenters.models import Resource
from portal.foundation.clock import Quarter
from portal.people.models import User


@dataclass(frozen=True)
class Balances:
    """Where an allocation stands. Always: granted + overrun = spent + held + available + returned."""

    granted: int = 0
    available: int = 0
    held: int = 0
    spent: int = 0
    overrun: int = 0
    returned: int = 0

    @property
    def committed(self) -> int:
        """Everything ever granted less everything returned: what Slurm's limit is made of."""
        return self.granted - self.returned


def balances(allocation_code: str) -> Balances:
    """One allocation's balances; all zero where the ledger doesn't know it."""
    return balances_of([allocation_code])[allocation_code]


def balances_of(codes: Iterable[str]) -> dict[str, Balances]:
    """The balances of many allocations, in one query; every code asked for is a key of the answer."""
    wanted = list(codes)
    figures: dict[str, dict[str, int]] = {code: {} for code in wanted}
    # What was only spread over other quarters went back and came again: it is neither granted nor returned.
    moved = Transfer.objects.exclude(posting__kind=PostingKind.RESPREAD)
    granted = moved.filter(to_account=OuterRef("pk"), from_kind=AccountKind.POOL)
    returned = moved.filter(from_account=OuterRef("pk"), to_kind=AccountKind.POOL)
    accounts = LedgerAccount.objects.filter(allocation_code__in=wanted).values_list(
        "allocation_code", "kind", "balance", _total(granted, "to_account"), _total(returned, "from_account")
    )
    for code, kind, balance, inflow, outflow in accounts:
        figure = figures[code]
        figure[kind] = -balance if kind == AccountKind.OVERRUN else balance
        figure["granted"] = figure.get("granted", 0) + inflow
        figure["returned"] = figure.get("returned", 0) + outflow
    return {code: Balances(**figure) for code, figure in figures.items()}


def pool_free(resource: Resource, quarters: Iterable[Quarter]) -> dict[Quarter, int]:
    """What can still be awarded of a resource in each quarter."""
    return pools_free([resource], quarters)[resource]


def pools_free(
    resources: Iterable[Resource], quarters: Iterable[Quarter]
) -> dict[Resource, dict[Quarter, int]]:
    """What can still be awarded of each resource in each quarter, in one query."""
    asked, wanted = list(resources), list(quarters)
    pools = LedgerAccount.objects.filter(
        resource__in=asked, kind=AccountKind.POOL, quarter__in=[str(quarter) for quarter in wanted]
    )
    free = {
        (resource, quarter): balance
        for resource, quarter, balance in pools.values_list("resource_id", "quarter", "balance")
    }
    return {
        resource: {quarter: free.get((resource.pk, str(quarter)), 0) for quarter in wanted}
        for resource in asked
    }


def committed_limit(allocation_code: str) -> int:
    """What Slurm's limit for an allocation is made of."""
    return balances(allocation_code).committed


@dataclass(frozen=True)
class Used:
    """What was spent of what could be spent. Zero budgets aren't told of."""

    spent: int
    budget: int


def mostly_used(codes: Iterable[str], *, percent: int) -> dict[str, Used]:
    """Of the allocations `codes` (or a subquery of codes) those with `percent` or more spent, in one query.

    Later instalments that are kept back are no part of the budget yet.
    """
    kept = Hold.objects.filter(account=OuterRef("pk"), job_code__startswith=WITHHELD)
    figures = (
        LedgerAccount.objects.filter(allocation_code__in=codes)
        .annotate(kept=_total(kept, "account", "remaining"))
        .order_by()
        .values("allocation_code")
        # The four balances come to what was granted less what was returned: an overrun's is negative.
        .annotate(budget=Sum("balance") - Sum("kept"), spent=Sum("balance", filter=Q(kind=AccountKind.SPENT)))
        .filter(budget__gt=0, spent__gte=F("budget") * percent / 100.0)
    )
    return {str(row["allocation_code"]): Used(row["spent"], row["budget"]) for row in figures}


def withheld_of(codes: Iterable[str]) -> dict[str, int]:
    """What is kept of each allocation for later instalments, in one query; it is part of what is held."""
    found = dict.fromkeys(codes, 0)
    kept = Hold.objects.filter(account__allocation_code__in=list(found), job_code__startswith=WITHHELD)
    sums = kept.values_list("account__allocation_code").annotate(total=Sum("remaining"))
    return found | dict(sums.order_by())


def hold_of(job_code: str) -> Hold | None:
    """A job's hold, None where it has none."""
    return Hold.objects.filter(job_code=job_code).first()


def visible_to(user: Any) -> QuerySet[Posting]:
    """The postings of every allocation that `user` may see, newest first."""
    return _with_transfers(Posting.objects.filter(allocation_code__in=policies.visible_codes(user)))


def entries(allocation_code: str) -> QuerySet[Posting]:
    """The postings of one allocation, newest first, with their transfers."""
    return _with_transfers(Posting.objects.filter(allocation_code=allocation_code))


def available_after(allocation_code: str, posting_ids: Iterable[int]) -> dict[int, int]:
    """What was available once each of these postings was written.

    Postings of one allocation are written one after the other, so the order of their ids is that in which
    they took effect.
    """
    with connection.cursor() as cursor:
        cursor.execute(AVAILABLE_AFTER, {"code": allocation_code, "ids": list(posting_ids)})
        return dict(cursor.fetchall())


AVAILABLE_AFTER = """
    SELECT * FROM (
      SELECT posting.id, (sum(coalesce(sum(
        CASE WHEN to_kind = 'available' THEN amount WHEN from_kind = 'available' THEN -amount ELSE 0 END
      ), 0)) OVER (ORDER BY posting.id))::bigint
      FROM ledger_posting posting LEFT JOIN ledger_transfer transfer ON transfer.posting_id = posting.id
      WHERE posting.allocation_code = %(code)s GROUP BY posting.id
    ) AS running WHERE id = ANY (%(ids)s)
"""


def _with_transfers(postings: QuerySet[Posting]) -> QuerySet[Posting]:
    """Newest first, `actor_name` with them; their transfers, and what these touch, in one more query."""
    transfers = Transfer.objects.select_related("hold", "from_account", "to_account").order_by("line")
    name = User.objects.filter(code=OuterRef("actor")).values("name")
    return (
        postings.select_related("about")
        .annotate(actor_name=Subquery(name))
        .order_by("-id")
        .prefetch_related(Prefetch("transfers", transfers))
    )


def _total(rows: QuerySet[Any], account: str, amount: str = "amount") -> Coalesce:
    """The sum of an account's transfers or holds, as a column."""
    return Coalesce(Subquery(rows.order_by().values(account).values_list(Sum(amount))), 0)
