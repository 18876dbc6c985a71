"""What outages and reserves leave of the planned capacity. Moments are UTC, amounts GPU-seconds.

    effective = (planned - planned × outage seconds of the quarter ÷ seconds of the quarter) × (1 - reserve)

An outage of the quarter's n seconds takes n × the lent GPUs from what the GPUs can give, and so the same
fraction from what the programme plans of it. Outages that overlap count once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from datacenters.models import Capacity, Outage, Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter

Period = tuple[datetime, datetime]


def periods_of(resources: Iterable[Resource], start: datetime, end: datetime) -> dict[Resource, list[Period]]:
    """When each resource gave or will give nothing between `start` and `end`; one query for all.

    In order and without overlaps. An outage without an end lasts until now, as far as anybody knows.
    """
    asked = list(resources)
    rows = list(
        Outage.objects.filter(
            site__in={resource.site_id for resource in asked}, starts_at__lt=end, withdrawn_at=None
        ).exclude(ends_at__lte=start)
    )
    now = clock.now()
    return {
        resource: merged(
            clipped(
                [(row.starts_at, row.ends_at or now) for row in rows if row.touches(resource)], start, end
            )
        )
        for resource in asked
    }


def resources_touched(outage: Outage) -> list[Resource]:
    """What gives nothing while this outage lasts."""
    return [resource for resource in outage.site.resources.all() if outage.touches(resource)]


def resources_out() -> list[Resource]:
    """What gives nothing at this moment."""
    now = clock.now()
    going_on = Outage.objects.filter(starts_at__lte=now, withdrawn_at=None).exclude(ends_at__lte=now)
    found = {
        resource.pk: resource
        for outage in going_on.select_related("site").prefetch_related("site__resources")
        for resource in resources_touched(outage)
    }
    return [found[pk] for pk in sorted(found)]


def outage_seconds(resource: Resource, start: datetime, end: datetime) -> int:
    """How many seconds between `start` and `end` the resource gave or will give nothing."""
    return seconds_of(periods_of([resource], start, end)[resource])


def merged(periods: Iterable[Period]) -> list[Period]:
    """The same time in periods that don't overlap, in order; empty ones vanish."""
    joined: list[Period] = []
    for first, last in sorted(period for period in periods if period[0] < period[1]):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def seconds_of(periods: Iterable[Period]) -> int:
    """How long the periods are together."""
    return sum(int((last - first).total_seconds()) for first, last in periods)


@dataclass(frozen=True)
class Effective:
    """What is planned of a resource for a quarter, and what of it may be awarded."""

    planned: int
    lost: int
    reserve: int

    @property
    def awardable(self) -> int:
        return self.planned - self.lost - self.reserve


def effective(capacity: Capacity) -> Effective:
    """What outages and the reserve take from a planned capacity."""
    return effective_of([capacity])[0]


def effective_of(capacities: Sequence[Capacity]) -> list[Effective]:
    """The same for many, in one query. They needn't be saved."""
    if not capacities:
        return []
    spans = [span_of(Quarter.parse(capacity.quarter)) for capacity in capacities]
    start, end = min(first for first, _last in spans), max(last for _first, last in spans)
    out = periods_of({capacity.resource for capacity in capacities}, start, end)
    return [
        _less(capacity, seconds_of(clipped(out[capacity.resource], *span)))
        for capacity, span in zip(capacities, spans, strict=True)
    ]


def span_of(quarter: Quarter) -> Period:
    """From its first midnight in Pakistan to the one after its last day."""
    return clock.midnight(quarter.first_day), clock.midnight(quarter.next.first_day)


def clipped(periods: Iterable[Period], start: datetime, end: datetime) -> list[Period]:
    """What of the periods lies between `start` and `end`."""
    return [(max(first, start), min(last, end)) for first, last in periods if first < end and last > start]


def _less(capacity: Capacity, out: int) -> Effective:
    # Rounded up: a GPU-second that is lost in part can't be awarded.
    whole = Quarter.parse(capacity.quarter).days * 86_400
    lost = -(-capacity.gpu_seconds * out // whole)
    reserve = -(-(capacity.gpu_seconds - lost) * capacity.reserve_percent // 100)
    return Effective(capacity.gpu_seconds, lost, reserve)
