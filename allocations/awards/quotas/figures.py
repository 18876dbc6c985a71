"""What the ledger says about groups of projects: granted less returned, by quarter. GPU-seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Case, F, Q, Sum, When

from allocations.awards.quotas.groups import allocation_codes
from allocations.awards.quotas.models import Quota
from allocations.ledger import selectors as ledger
from allocations.ledger.models import AccountKind, PostingKind, Transfer
from datacenters.models import Capacity, Resource
from datacenters.outages import effective_of
from portal.foundation.clock import Quarter

Key = tuple[int, str]  # resource id, quarter


@dataclass
class Figures:
    """What may be awarded and what is free of each resource and quarter; what each quota's group has."""

    awardable: dict[Key, int]
    free: dict[Key, int] = field(default_factory=dict)
    granted: dict[int, dict[Key, int]] = field(default_factory=dict)  # by the quota's id

    def capacity(self, quota: Quota, quarter: Quarter) -> int:
        return self._sum(self.awardable, quota, quarter)

    def target(self, quota: Quota, quarter: Quarter) -> int:
        """What the quota comes to in a quarter."""
        return quota.target_of(self.capacity(quota, quarter))

    def granted_to(self, quota: Quota, quarter: Quarter) -> int:
        """What its group has been granted of the quarter, less what it returned."""
        return self._sum(self.granted[quota.pk], quota, quarter)

    def free_for(self, quota: Quota, quarter: Quarter) -> int:
        """What the pools of its resource, or of all together, still have."""
        return self._sum(self.free, quota, quarter)

    @staticmethod
    def _sum(figures: dict[Key, int], quota: Quota, quarter: Quarter) -> int:
        return sum(
            amount
            for (resource, name), amount in figures.items()
            if name == str(quarter) and quota.resource_id in {None, resource}
        )


def figures_of(quotas: Sequence[Quota], quarters: Iterable[Quarter]) -> Figures:
    """All figures of these quotas, in a number of queries that doesn't depend on how many they are."""
    asked = list(quarters)
    capacities = capacities_of(quotas, asked)
    pools = ledger.pools_free({capacity.resource for capacity in capacities}, asked)
    free = {
        (resource.pk, str(quarter)): amount
        for resource, of_quarter in pools.items()
        for quarter, amount in of_quarter.items()
    }
    granted = granted_by_quota(quotas, [str(quarter) for quarter in asked])
    return Figures(awardable_of(capacities), free, granted)


def capacities_of(quotas: Sequence[Quota], quarters: Iterable[Quarter]) -> list[Capacity]:
    """What is planned in these quarters of the resources that the quotas are about."""
    only = {quota.resource_id for quota in quotas}
    rows = Capacity.objects.select_related("resource__cluster").filter(
        quarter__in=[str(quarter) for quarter in quarters]
    )
    return list(rows if None in only else rows.filter(resource__in=only))


def awardable_of(capacities: Sequence[Capacity]) -> dict[Key, int]:
    """What may be awarded of each, by resource and quarter."""
    return {
        (capacity.resource_id, capacity.quarter): left.awardable
        for capacity, left in zip(capacities, effective_of(capacities), strict=True)
    }


def granted_by_quota(quotas: Sequence[Quota], quarters: Sequence[str]) -> dict[int, dict[Key, int]]:
    """What each quota's group was granted less what it returned, by resource and quarter; one query."""
    granted: dict[int, dict[Key, int]] = {quota.pk: {} for quota in quotas}
    if not quotas:
        return granted
    given, returned = Q(from_kind=AccountKind.POOL), Q(to_kind=AccountKind.POOL)
    flows = (
        Transfer.objects.filter(
            given & Q(from_account__quarter__in=quarters) & ~Q(to_kind=AccountKind.SUPPLY)
            | returned & Q(to_account__quarter__in=quarters) & ~Q(from_kind=AccountKind.SUPPLY)
        )
        .order_by()
        .annotate(quarter=Case(When(given, then="from_account__quarter"), default="to_account__quarter"))
    )
    sums = {column(quota): _net(given, allocation_codes(quota)) for quota in quotas}
    rows: Any = flows.values("resource_id", "quarter").annotate(**sums)
    for row in rows:
        for quota in quotas:
            granted[quota.pk][row["resource_id"], row["quarter"]] = row[column(quota)] or 0
    return granted


def _net(given: Q, codes: Any) -> Sum:
    """What flowed to these allocations less what flowed back."""
    return Sum(
        Case(
            When(given & Q(to_account__allocation_code__in=codes), then="amount"),
            When(~given & Q(from_account__allocation_code__in=codes), then=-F("amount")),
        )
    )


def awarded(resource: Resource, quarters: Sequence[Quarter]) -> dict[Quarter, int]:
    """What all awards took of each quarter's capacity, but for what was created beyond it by an override."""
    names = [str(quarter) for quarter in quarters]
    taken = _flows(resource, names, "from_account", "to_account")
    returned = _flows(resource, names, "to_account", "from_account")
    beyond = dict(
        Transfer.objects.filter(
            resource=resource,
            from_kind=AccountKind.SUPPLY,
            to_account__quarter__in=names,
            posting__kind=PostingKind.OVERSUBSCRIPTION,
        )
        .order_by()
        .values_list("to_account__quarter")
        .annotate(Sum("amount"))
    )
    return {
        quarter: max(
            taken.get(str(quarter), 0) - returned.get(str(quarter), 0) - beyond.get(str(quarter), 0), 0
        )
        for quarter in quarters
    }


def _flows(resource: Resource, quarters: Sequence[str], pool: str, other: str) -> dict[str, int]:
    """What flowed between the pools of these quarters and allocations, one way."""
    kind, other_kind = pool.replace("account", "kind"), other.replace("account", "kind")
    transfers = Transfer.objects.filter(
        resource=resource, **{kind: AccountKind.POOL, f"{pool}__quarter__in": quarters}
    ).exclude(**{other_kind: AccountKind.SUPPLY})
    return dict(transfers.order_by().values_list(f"{pool}__quarter").annotate(Sum("amount")))


def column(quota: Quota) -> str:
    """The name of its sum; a group that only stands for a programme has a negative id."""
    return f"quota_{quota.pk}".replace("-", "minus_")
