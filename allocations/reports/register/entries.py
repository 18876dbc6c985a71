"""The entries of the public register: an allocation that was awarded, as far as everybody may know it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import batched

from django.db.models import Prefetch, QuerySet, Sum

from allocations.awards.models import Allocation, Award
from allocations.ledger.models import AccountKind, LedgerAccount, Transfer
from allocations.ledger.selectors import Balances, balances_of
from allocations.programme.models import Decision, Track
from allocations.programme.results import ABSTRACT_WITHHELD
from allocations.reports.answer import STREAMED, Row
from portal.foundation import clock
from portal.foundation.units import seconds_to_hours

WITHHELD = "withheld"
ILLUSTRATIVE = "ILLUSTRATIVE"

COLUMNS = (
    "award",
    "remark",
    "decided_on",
    "reason",
    "track",
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
    def award(self) -> Award | None:
        """The one that opened the allocation; later changes count with it."""
        awards = self.allocation.awards.all()
        return awards[len(awards) - 1] if awards else None

    @property
    def decision(self) -> Decision | None:
        """What it followed from; None for what was awarded without a request."""
        fulfilment = getattr(self.award, "fulfilment", None)
        return fulfilment.decision if fulfilment else None

    @property
    def track(self) -> Track | None:
        version = self.decision.request.track_version if self.decision else None
        return version.track if version else None

    @property
    def decided_on(self) -> date:
        return clock.day_of(self.allocation.created_at)

    @property
    def abstract(self) -> str | None:
        """None: withheld."""
        project, request = self.allocation.project, self.decision.request if self.decision else None
        if project.data_class in ABSTRACT_WITHHELD or (request and request.abstract_withheld):
            return None
        return request.abstract if request else project.abstract

    @property
    def illustrative(self) -> bool:
        return self.allocation.project.illustrative or self.allocation.resource.illustrative

    def shown(self) -> Row:
        """As API and CSV give it: names in English and codes, the same for every reader."""
        allocation = self.allocation
        project, resource = allocation.project, allocation.resource
        return {
            "award": self.award.code if self.award else "",
            "remark": ILLUSTRATIVE if self.illustrative else "",
            "decided_on": self.decided_on.isoformat(),
            "reason": self.decision.reason_code if self.decision else "",
            "track": self.track.code if self.track else "",
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
    awards = Award.objects.select_related("fulfilment__decision__request__track_version__track")
    return rows.prefetch_related(Prefetch("awards", awards)).order_by("-created_at", "-id")


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
    """From the ledger, in three queries."""
    codes = allocations.order_by().values("code")
    accounts = LedgerAccount.objects.filter(allocation_code__in=codes)
    inflow = Transfer.objects.filter(to_account__in=accounts, from_kind=AccountKind.POOL)
    granted = inflow.aggregate(total=Sum("amount"))["total"] or 0
    stands = dict(accounts.order_by().values_list("kind").annotate(Sum("balance")))
    return Totals(
        awards=codes.count(),
        granted=granted,
        used=stands.get(AccountKind.SPENT, 0),
        # What was granted stands in one of the four, or went back (overrun stands below zero).
        returned=granted - sum(stands.values()),
    )
