"""The entries of the public register: an allocation that was awarded, as far as everybody may know it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import batched

from django.db.models import QuerySet, Sum

from allocations.awards.models import Allocation
from allocations.ledger.models import AccountKind, LedgerAccount, Transfer
from allocations.ledger.selectors import Balances, balances_of
from allocations.reports.answer import STREAMED, Row
from datacenters.models import DataClass
from portal.foundation import clock
from portal.foundation.units import seconds_to_hours

# What is said about work on such data might tell of the data.
ABSTRACT_WITHHELD = frozenset({DataClass.RESTRICTED, DataClass.SENSITIVE, DataClass.SECRET})
WITHHELD = "withheld"
ILLUSTRATIVE = "ILLUSTRATIVE"

COLUMNS = (
    "award",
    "remark",
    "decided_on",
    "organisation",
    "class",
    "sector",
    "province",
    "site",
    "resource",
    "starts_on",
    "ends_on",
    "granted_gpu_hours",
    "used_gpu_hours",
    "returned_gpu_hours",
    "abstract",
)


@dataclass(frozen=True)
class Entry:
    """One award and what became of it, for page, API and CSV."""

    allocation: Allocation
    balances: Balances

    @property
    def award(self) -> str:
        """The public code of the award that opened the allocation; later changes count with it."""
        awards = self.allocation.awards.all()
        return awards[len(awards) - 1].code if awards else ""

    @property
    def decided_on(self) -> date:
        return clock.day_of(self.allocation.created_at)

    @property
    def abstract(self) -> str | None:
        """None: withheld."""
        project = self.allocation.project
        return None if project.data_class in ABSTRACT_WITHHELD else project.abstract

    @property
    def illustrative(self) -> bool:
        return self.allocation.project.illustrative or self.allocation.resource.illustrative

    def shown(self) -> Row:
        """As API and CSV give it: names in English and codes, the same for every reader."""
        allocation = self.allocation
        project, resource = allocation.project, allocation.resource
        return {
            "award": self.award,
            "remark": ILLUSTRATIVE if self.illustrative else "",
            "decided_on": self.decided_on.isoformat(),
            "organisation": project.organisation.name,
            "class": project.organisation.kind,
            "sector": project.sector.code,
            "province": project.organisation.province,
            "site": resource.site.code,
            "resource": resource.code,
            "starts_on": allocation.starts_on.isoformat(),
            "ends_on": allocation.ends_on.isoformat(),
            "granted_gpu_hours": float(seconds_to_hours(self.balances.granted)),
            "used_gpu_hours": float(seconds_to_hours(self.balances.spent)),
            "returned_gpu_hours": float(seconds_to_hours(self.balances.returned)),
            "abstract": WITHHELD if self.abstract is None else self.abstract,
        }


def published() -> QuerySet[Allocation]:
    """Every award that was made, the latest first: each opened an allocation."""
    rows = Allocation.objects.select_related("project__organisation", "project__sector", "resource__site")
    return rows.prefetch_related("awards").order_by("-created_at", "-id")


def entries(allocations: Iterable[Allocation]) -> list[Entry]:
    """The entries of some allocations, with their balances in one query."""
    allocations = list(allocations)
    standing = balances_of([allocation.code for allocation in allocations])
    return [Entry(allocation, standing[allocation.code]) for allocation in allocations]


def streamed(allocations: QuerySet[Allocation]) -> Iterator[Row]:
    """Every row, without holding them all."""
    for some in batched(allocations.iterator(chunk_size=STREAMED), STREAMED):
        for entry in entries(some):
            yield entry.shown()


@dataclass(frozen=True)
class Totals:
    """What all entries of a question come to, in GPU-seconds; exact, not summed from rounded hours."""

    awards: int
    granted: int
    used: int
    returned: int


def totals(allocations: QuerySet[Allocation]) -> Totals:
    """From the ledger, in constant queries."""
    codes = allocations.order_by().values("code")
    accounts = LedgerAccount.objects.filter(allocation_code__in=codes)
    used = accounts.filter(kind=AccountKind.SPENT).aggregate(total=Sum("balance"))["total"]
    return Totals(
        awards=codes.count(),
        granted=_sum(Transfer.objects.filter(to_account__in=accounts, from_kind=AccountKind.POOL)),
        used=used or 0,
        returned=_sum(Transfer.objects.filter(from_account__in=accounts, to_kind=AccountKind.POOL)),
    )


def _sum(transfers: QuerySet[Transfer]) -> int:
    return transfers.aggregate(total=Sum("amount"))["total"] or 0
