"""Awards spread over days: what is committed of a resource on each day, as far as anybody can say.

An allocation may be used on any of its days; here what it was granted and hasn't returned is spread evenly
over all of them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from django.db.models import Q, Sum

from allocations.awards.models import Allocation
from allocations.ledger.models import AccountKind, Transfer
from datacenters.models import Resource


@dataclass(frozen=True)
class Commitment:
    """GPU-seconds of one allocation, from its first to its last day."""

    project_id: int
    resource_id: int
    starts_on: date
    ends_on: date
    gpu_seconds: int

    @property
    def per_day(self) -> float:
        return self.gpu_seconds / ((self.ends_on - self.starts_on).days + 1)


def commitments(resources: Iterable[Resource] | None, first: date, last: date) -> list[Commitment]:
    """What allocations of these resources (None: all) that touch the period hold; three queries."""
    within = Q() if resources is None else Q(resource__in=list(resources))
    net: dict[str | None, int] = {}
    for sign, pool, holder in ((1, "from", "to"), (-1, "to", "from")):
        transfers = Transfer.objects.filter(within, **{f"{pool}_kind": AccountKind.POOL}).exclude(
            **{f"{holder}_kind": AccountKind.SUPPLY}
        )
        sums = transfers.order_by().values_list(f"{holder}_account__allocation_code")
        for code, amount in sums.annotate(Sum("amount")):
            net[code] = net.get(code, 0) + sign * amount
    rows = Allocation.objects.filter(within, starts_on__lte=last, ends_on__gte=first).order_by()
    return [
        Commitment(project, resource, starts_on, ends_on, net[code])
        for code, project, resource, starts_on, ends_on in rows.values_list(
            "code", "project_id", "resource_id", "starts_on", "ends_on"
        )
        if net.get(code)
    ]


def per_day(
    held: Iterable[Commitment], first: date, last: date, projects: Collection[int] | None = None
) -> list[float]:
    """GPU-seconds committed on each day of `first`..`last`; of these projects only, or of all."""
    steps = [0.0] * ((last - first).days + 2)
    for one in held:
        begins, ends = max(one.starts_on, first), min(one.ends_on, last)
        if begins <= ends and (projects is None or one.project_id in projects):
            steps[(begins - first).days] += one.per_day
            steps[(ends - first).days + 1] -= one.per_day
    return list(accumulate(steps))[:-1]


def days_of(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
