"""What the programme comes to, quarter by quarter: for everybody, from requests, awards and the ledger."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import (
    Aggregate,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.functions import TruncQuarter
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from allocations.awards.models import Award
from allocations.awards.quotas.models import Dimension, Quota
from allocations.programme.models import AllocationRequest, Fulfilment, RequestLine
from allocations.programme.transitions import RequestState
from allocations.projects.models import Sector
from allocations.projects.selectors import people_trained
from portal.foundation import clock
from portal.foundation.clock import KARACHI, Quarter
from portal.people.models import Organisation
from portal.people.selectors import women_led_organisations

QUARTERS = 8
FEWEST = 3  # organisations in a group that figures are told of
KEPT_SECONDS = 300
LED = "is_women_led"  # as verified: what an organisation says of itself doesn't count
WAITING = (RequestState.SUBMITTED, RequestState.UNDER_REVIEW, RequestState.RETURNED)


class Median(Aggregate):
    """The middle of a column's values (PostgreSQL's percentile_cont)."""

    function = "PERCENTILE_CONT"
    name = "median"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def figures() -> dict[str, Any]:
    """All of it, for the page and the API; reckoned anew after five minutes, in each language."""

    def reckon() -> dict[str, Any]:
        return {
            "quarters": by_quarter(),
            "divisions": divisions(),
            "people_trained": people_trained(),
            "has_demonstrations": has_demonstrations(),
        }

    return cache.get_or_set(f"statistics:{get_language()}", reckon, KEPT_SECONDS) or reckon()


@dataclass(frozen=True)
class QuarterFigures:
    """The requests that were submitted (last) in a quarter, and what became of them. GPU-seconds, seconds."""

    quarter: Quarter
    requested: int = 0
    awarded: int = 0
    declined: int = 0
    waiting: int = 0
    requested_gpu_seconds: int = 0
    granted_gpu_seconds: int = 0
    to_decision: timedelta | None = None
    to_active: timedelta | None = None

    @property
    def success_percent(self) -> int | None:
        """Of those that were decided."""
        decided = self.awarded + self.declined
        return self.awarded * 100 // decided if decided else None

    @property
    def seconds_to_decision(self) -> int | None:
        return int(self.to_decision.total_seconds()) if self.to_decision else None

    @property
    def seconds_to_active(self) -> int | None:
        return int(self.to_active.total_seconds()) if self.to_active else None


def by_quarter() -> list[QuarterFigures]:
    """The last two years, the latest first; four queries."""
    since = _first_day()
    requests = AllocationRequest.objects.filter(submitted_at__gte=clock.midnight(since))
    figures: dict[date, dict[str, Any]] = {}
    for row in _grouped(requests, "submitted_at").annotate(
        requested=Count("pk"),
        awarded=Count("pk", filter=Q(state=RequestState.APPROVED)),
        declined=Count("pk", filter=Q(state=RequestState.DECLINED)),
        waiting=Count("pk", filter=Q(state__in=WAITING)),
        to_decision=Median(_between("submitted_at", "decided_at")),
    ):
        figures[row.pop("first").date()] = row
    submitted = "request__submitted_at"
    lines = RequestLine.objects.filter(request__in=requests)
    granted = Fulfilment.objects.filter(line__request__in=requests)
    awards = Award.objects.filter(
        fulfilment__line__request__in=requests, allocation__activated_at__isnull=False
    )
    of_award = f"fulfilment__line__{submitted}"
    for name, rows, column, total in (
        ("requested_gpu_seconds", lines, submitted, Sum("gpu_seconds")),
        ("granted_gpu_seconds", granted, f"line__{submitted}", Sum("award__gpu_seconds")),
        ("to_active", awards, of_award, Median(_between(of_award, "allocation__activated_at"))),
    ):
        for row in _grouped(rows, column).annotate(value=total):
            figures[row["first"].date()][name] = row["value"]
    return [QuarterFigures(Quarter.of(first), **figures[first]) for first in sorted(figures, reverse=True)]


@dataclass(frozen=True)
class Share:
    """One group's part of what was awarded in the last year, beside its floor where there is one."""

    label: str
    gpu_seconds: int
    permille: int
    floor_percent: float | None

    @property
    def percent(self) -> float:
        return self.permille / 10


@dataclass(frozen=True)
class Division:
    title: Any
    shares: list[Share]


def divisions() -> list[Division]:
    """What the awards of the last year were divided into, by what floors may be about."""
    awards = Award.objects.filter(created_at__gte=clock.now() - timedelta(days=365))
    sectors = {sector.code: str(sector) for sector in Sector.objects.all()}
    organisation = "allocation__project__organisation"
    awards = awards.annotate(**{LED: Exists(women_led_organisations().filter(pk=OuterRef(organisation)))})
    floors = _floors()
    return [
        _division(awards, floors, title, dimension, column, names)
        for title, dimension, column, names in (
            (
                gettext_lazy("By class"),
                Dimension.CLASS,
                f"{organisation}__kind",
                dict(Organisation.Kind.choices),
            ),
            (gettext_lazy("By sector"), Dimension.SECTOR, "allocation__project__sector__code", sectors),
            (
                gettext_lazy("By province"),
                Dimension.PROVINCE,
                f"{organisation}__province",
                dict(Organisation.Province.choices),
            ),
            (
                gettext_lazy("Women-led"),
                Dimension.WOMEN_LED,
                LED,
                {True: _("Women-led"), False: _("Others")},
            ),
        )
    ]


def _division(
    awards: QuerySet[Award],
    floors: dict[tuple[str, str], float],
    title: Any,
    dimension: str,
    column: str,
    names: dict[Any, Any],
) -> Division:
    if column == LED and _tells_of_single_ones(awards):
        return Division(title, [])
    sums = dict(awards.order_by().values_list(column).annotate(Sum("gpu_seconds")))
    whole = sum(sums.values()) or 1
    largest_first = sorted(sums.items(), key=lambda pair: -pair[1])
    return Division(
        title,
        [
            Share(
                label=str(names.get(value, value)),
                gpu_seconds=amount,
                permille=amount * 1000 // whole,
                floor_percent=floors.get(_group(dimension, value)),
            )
            for value, amount in largest_first
        ],
    )


def _tells_of_single_ones(awards: QuerySet[Award]) -> bool:
    """Whether a group is so small that its figure is about its members.

    The rest of what the register divides by, it says of each award; whom a woman leads it doesn't. Either
    group's figure gives the other's away, so neither is told.
    """
    organisations = Count("allocation__project__organisation", distinct=True)
    sizes = dict(awards.order_by().values_list(LED).annotate(organisations))
    return any(sizes.get(group, 0) < FEWEST for group in (True, False))


def _group(dimension: str, value: Any) -> tuple[str, str]:
    """As a quota names it: women-led organisations are a group without a value."""
    if dimension == Dimension.WOMEN_LED:
        return (dimension, "" if value else "others")
    return (dimension, str(value))


def _floors() -> dict[tuple[str, str], float]:
    """The floors in percent of all resources together, by group."""
    floors = Quota.objects.filter(kind=Quota.Kind.FLOOR, ended_at=None, resource=None, percent__isnull=False)
    return {(quota.dimension, quota.value): float(quota.percent or 0) for quota in floors}


def _grouped(rows: QuerySet[Any], column: str) -> QuerySet[Any, dict[str, Any]]:
    return rows.order_by().annotate(first=TruncQuarter(column, tzinfo=KARACHI)).values("first")


def _between(start: str, end: str) -> Any:
    return ExpressionWrapper(F(end) - F(start), output_field=DurationField())


def _first_day() -> date:
    """Of the earliest quarter that is told."""
    now = Quarter.of(clock.today())
    return Quarter(now.year - QUARTERS // 4, now.number).next.first_day


def has_demonstrations() -> bool:
    """Whether figures include what is only shown: then they say so."""
    return Organisation.objects.filter(illustrative=True, projects__allocations__isnull=False).exists()
