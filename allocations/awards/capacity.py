"""What an award does to a resource's capacity, quarter by quarter. Amounts are GPU-seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from allocations.ledger import selectors as ledger
from datacenters.models import Capacity, DataClass, Resource
from datacenters.outages import effective_of
from datacenters.selectors import open_resources
from portal.foundation import clock
from portal.foundation.clock import Quarter, quarters_between
from portal.foundation.units import split_evenly


@dataclass(frozen=True)
class QuarterFigures:
    """One quarter of a resource: what may be awarded (planned, less outages and reserve), what is free of
    that, and what an award would take of it.
    """

    quarter: Quarter
    planned: int
    free: int
    portion: int

    @property
    def committed(self) -> int:
        return self.planned - self.free

    @property
    def after(self) -> int:
        """What would be free after the award; negative: that much is lacking."""
        return self.free - self.portion


def portions(
    *, gpu_seconds: int, starts_on: date, ends_on: date, by_quarter: dict[str, int] | None = None
) -> dict[Quarter, int]:
    """Spread an award over the quarters that it covers; quarters that get nothing are left out.

    As `by_quarter` says, where that is of this period and adds up to `gpu_seconds`; else by days.
    """
    quarters = quarters_between(starts_on, ends_on)
    if by_quarter and _holds(by_quarter, gpu_seconds, quarters):
        return {quarter: by_quarter[str(quarter)] for quarter in quarters if by_quarter.get(str(quarter))}
    days = [_days_within(quarter, starts_on, ends_on) for quarter in quarters]
    spread = zip(quarters, split_evenly(gpu_seconds, days), strict=True)
    return {quarter: amount for quarter, amount in spread if amount}


def _holds(by_quarter: Mapping[str, int], gpu_seconds: int, quarters: list[Quarter]) -> bool:
    """Whether what is said by quarter is of this period and adds up."""
    names = {str(quarter) for quarter in quarters}
    return sum(by_quarter.values()) == gpu_seconds and by_quarter.keys() <= names


def forecast(
    *,
    resource: Resource,
    gpu_seconds: int,
    starts_on: date,
    ends_on: date,
    by_quarter: dict[str, int] | None = None,
) -> list[QuarterFigures]:
    """What awarding so much would do to the resource, for every quarter of the period."""
    quarters = quarters_between(starts_on, ends_on)
    wanted = portions(gpu_seconds=gpu_seconds, starts_on=starts_on, ends_on=ends_on, by_quarter=by_quarter)
    free = ledger.pool_free(resource, quarters)
    rows = list(
        Capacity.objects.select_related("resource__cluster").filter(
            resource=resource, quarter__in=[str(quarter) for quarter in quarters]
        )
    )
    planned = {row.quarter: left.awardable for row, left in zip(rows, effective_of(rows), strict=True)}
    return [
        QuarterFigures(quarter, planned.get(str(quarter), 0), free.get(quarter, 0), wanted.get(quarter, 0))
        for quarter in quarters
    ]


def most_that_fits(figures: list[QuarterFigures], *, starts_on: date, ends_on: date) -> int:
    """The largest award over the period whose every portion is free."""
    days = {line.quarter: _days_within(line.quarter, starts_on, ends_on) for line in figures}
    whole = sum(days.values())
    most = min((line.free * whole + whole - 1) // days[line.quarter] for line in figures)
    free = {line.quarter: line.free for line in figures}
    # Rounding to whole GPU-seconds may leave the estimate a few too high.
    while most > 0 and any(
        amount > free[quarter]
        for quarter, amount in portions(gpu_seconds=most, starts_on=starts_on, ends_on=ends_on).items()
    ):
        most -= 1
    return max(most, 0)


def part_that_fits(
    *,
    resource: Resource,
    gpu_seconds: int,
    starts_on: date,
    ends_on: date,
    by_quarter: dict[str, int] | None = None,
    kept: Mapping[Quarter, int] | None = None,
) -> dict[Quarter, int]:
    """As much of an award as is free, less what is `kept` for others; quarters that get nothing are left out.

    Where `by_quarter` says when it is wanted, each quarter gives what it has of its own portion. Else it is
    the largest award that can be spread by days.
    """
    figures = [
        replace(line, free=max(line.free - (kept or {}).get(line.quarter, 0), 0))
        for line in forecast(
            resource=resource,
            gpu_seconds=gpu_seconds,
            starts_on=starts_on,
            ends_on=ends_on,
            by_quarter=by_quarter,
        )
    ]
    if by_quarter and _holds(by_quarter, gpu_seconds, [line.quarter for line in figures]):
        return {line.quarter: part for line in figures if (part := min(line.portion, line.free))}
    most = min(gpu_seconds, most_that_fits(figures, starts_on=starts_on, ends_on=ends_on))
    return portions(gpu_seconds=most, starts_on=starts_on, ends_on=ends_on) if most else {}


@dataclass(frozen=True)
class OpenResource:
    """What may be asked for: a resource, and what is free of it in each coming quarter."""

    resource: Resource
    free: list[int]

    @property
    def data_class(self) -> str:
        """The most sensitive class of data that its site may hold."""
        held = [data_class for data_class in DataClass if self.resource.site.holds(data_class)]
        return str(held[-1].label)


def open_capacity(quarters: list[Quarter]) -> list[OpenResource]:
    """Every open resource with what is free of it in each of `quarters`."""
    free = ledger.pools_free(open_resources().prefetch_related("site__accreditations"), quarters)
    return [OpenResource(resource, list(of_quarter.values())) for resource, of_quarter in free.items()]


def coming_quarters(count: int = 4) -> list[Quarter]:
    """This quarter and those after it."""
    quarters = [Quarter.of(clock.today())]
    while len(quarters) < count:
        quarters.append(quarters[-1].next)
    return quarters


def days_by_quarter(starts_on: date, ends_on: date) -> dict[Quarter, int]:
    """How many days of the period lie in each quarter that it touches."""
    quarters = quarters_between(starts_on, ends_on)
    return {quarter: _days_within(quarter, starts_on, ends_on) for quarter in quarters}


def _days_within(quarter: Quarter, starts_on: date, ends_on: date) -> int:
    return (min(quarter.last_day, ends_on) - max(quarter.first_day, starts_on)).days + 1
