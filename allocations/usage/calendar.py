"""A run's share in each day of Pakistan's calendar."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from portal.foundation import clock
from portal.foundation.units import split_evenly


def days_of(start: datetime, end: datetime) -> list[tuple[date, int]]:
    """The days that start..end touches, each with its whole seconds.

    A day on which nothing of the run lies isn't named: a run that ends at midnight ended the day before. A
    run without length (or whose end is told as before its start) lies on the day of its start, as 1 second.
    """
    first, last = int(start.timestamp()), int(end.timestamp())
    return list(_spans(clock.day_of(start), first, last)) or [(clock.day_of(start), 1)]


def _spans(day: date, first: int, last: int) -> Iterator[tuple[date, int]]:
    while first < last:
        day_after = day + timedelta(days=1)
        upto = min(last, int(clock.midnight(day_after).timestamp()))
        if upto > first:
            yield day, upto - first
        first, day = max(first, upto), day_after


def shares(gpu_seconds: int, start: datetime, end: datetime) -> list[tuple[date, int]]:
    """`gpu_seconds` split by midnights, in proportion to each day's seconds; the parts add up exactly."""
    spans = days_of(start, end)
    parts = split_evenly(gpu_seconds, [seconds for _, seconds in spans])
    return [(day, part) for (day, _), part in zip(spans, parts, strict=True)]
