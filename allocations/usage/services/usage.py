"""Writing usage: the record of a run, and its share in each day of the cube."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db.models import F

from allocations.awards.models import Allocation
from allocations.usage.models import UsageDay, UsageRecord
from portal.foundation import clock
from portal.foundation.units import split_evenly
from portal.people.models import User


def usage_record(
    *,
    run_key: str,
    allocation: Allocation,
    user: User | None,
    login: str,
    job_code: str,
    started_at: datetime,
    ended_at: datetime,
    gpus: int,
    gpu_seconds: int,
    state: str,
) -> UsageRecord:
    """Keep one ended run and add it to its days. Raises IntegrityError where the run is kept already."""
    record = UsageRecord.objects.create(
        run_key=run_key,
        allocation=allocation,
        user=user,
        login=login,
        job_code=job_code,
        started_at=started_at,
        ended_at=ended_at,
        gpus=gpus,
        gpu_seconds=gpu_seconds,
        state=state,
    )
    _add(record, gpu_seconds=gpu_seconds, jobs=1)
    return record


def usage_correct(*, run_key: str, gpu_seconds: int, reason: str) -> None:
    """Bring a run's usage to `gpu_seconds`; its days get the difference."""
    record = UsageRecord.objects.select_for_update().get(run_key=run_key)
    _add(record, gpu_seconds=gpu_seconds - record.gpu_seconds, jobs=0)
    record.gpu_seconds = gpu_seconds
    record.save(update_fields=["gpu_seconds"])


def _add(record: UsageRecord, *, gpu_seconds: int, jobs: int) -> None:
    """Split by midnights in Pakistan, in whole GPU-seconds that add up; the job counts on its last day."""
    spans = list(days_of(record.started_at, record.ended_at))
    sign = -1 if gpu_seconds < 0 else 1
    parts = split_evenly(abs(gpu_seconds), [seconds for _, seconds in spans])
    for number, ((day, _), part) in enumerate(zip(spans, parts, strict=True), start=1):
        _add_day(record, day, sign * part, jobs if number == len(spans) else 0)


def _add_day(record: UsageRecord, day: date, gpu_seconds: int, jobs: int) -> None:
    cell, made = UsageDay.objects.get_or_create(
        day=day,
        project_id=record.allocation.project_id,
        user=record.user,
        resource_id=record.allocation.resource_id,
        state=record.state,
        gpus=record.gpus,
        defaults={"gpu_seconds": gpu_seconds, "jobs": jobs},
    )
    if not made:
        UsageDay.objects.filter(pk=cell.pk).update(
            gpu_seconds=F("gpu_seconds") + gpu_seconds, jobs=F("jobs") + jobs
        )


def days_of(start: datetime, end: datetime) -> Iterator[tuple[date, int]]:
    """The days in Pakistan that start..end touches, each with its whole seconds (at least 1 in all)."""
    day = clock.day_of(start)
    last = clock.day_of(end)
    if day == last:
        yield day, max(1, int((end - start).total_seconds()))
        return
    while day <= last:
        begins, ends = clock.midnight(day), clock.midnight(day + timedelta(days=1))
        seconds = int((min(end, ends) - max(start, begins)).total_seconds())
        if seconds > 0:
            yield day, seconds
        day += timedelta(days=1)
