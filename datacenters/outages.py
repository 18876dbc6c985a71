"""What outages and reserves leave of the planned capacity. Moments are UTC, amounts GPU-seconds.

    effective = (planned - planned × outage seconds of the quarter ÷ seconds of the quarter) × (1 - reserve)

An outage of the quarter's n seconds takes n × the lent GPUs from what the GPUs can give, and so the same
fraction from what the programme plans of it. Outages that overlap count once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from datacenters.models import Capacity, Outage, Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter

Period = tuple[datetime, datetime]


def touching(resource: Resource) -> QuerySet[Outage]:
    """The outages, not withdrawn, in which this resource gives nothing."""
    whole_site = Q(site=resource.site_id, cluster=None, resource=None)
    its_cluster = Q(cluster=resource.cluster_id) if resource.cluster_id else Q(pk__in=[])
    return Outage.objects.filter(whole_site | its_cluster | Q(resource=resource), withdrawn_at=None)


def outage_periods(resource: Resource, start: datetime, end: datetime) -> list[Period]:
    """When the resource gave or will give nothing between `start` and `end`: in order, without overlaps.

    An outage without an end lasts until now, as far as anybody knows.
    """
    rows = touching(resource).filter(starts_at__lt=end).exclude(ends_at__lte=start)
    known = [(row.starts_at, row.ends_at or clock.now()) for row in rows]
    return merged(clipped(known, start, end))


def outage_seconds(resource: Resource, start: datetime, end: datetime) -> int:
    """How many seconds between `start` and `end` the resource gave or will give nothing."""
    return seconds_of(outage_periods(resource, start, end))


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
    """The same for several quarters of one resource, in one query. They needn't be saved."""
    if not capacities:
        return []
    spans = [span_of(Quarter.parse(capacity.quarter)) for capacity in capacities]
    start, end = min(first for first, _last in spans), max(last for _first, last in spans)
    out = outage_periods(capacities[0].resource, start, end)
    return [
        _less(capacity, seconds_of(clipped(out, *span)))
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
