"""Keeping the daily cube: what happened to a run becomes changes of cells, written in one statement."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection, transaction

from allocations.usage.calendar import shares
from allocations.usage.models import UsageCorrection, UsageDay, UsageRecord

REBUILD_BATCH = 1000


class Cell(NamedTuple):
    """The grain of the cube."""

    day: date
    project_id: int
    resource_id: int
    user_id: int | None
    state: str
    gpus: int


class Changes:
    """What is to be added to cells."""

    def __init__(self) -> None:
        self._gpu_seconds: defaultdict[Cell, int] = defaultdict(int)
        self._jobs: defaultdict[Cell, int] = defaultdict(int)

    def add(self, record: UsageRecord, *, gpu_seconds: int, ended_at: datetime, sign: int = 1) -> None:
        """A run as it stands with `gpu_seconds` and `ended_at`; `sign` -1 takes that away.

        The job counts on the run's last day.
        """
        parts = shares(gpu_seconds, record.started_at, ended_at)
        cells = [(_cell(record, day), part) for day, part in parts]
        for cell, part in cells:
            self._gpu_seconds[cell] += sign * part
        self._jobs[cells[-1][0]] += sign

    def correct(self, record: UsageRecord, correction: UsageCorrection, *, ended_before: datetime) -> None:
        """From what the run's days were to what they are: none can fall below nothing by it."""
        self.add(record, gpu_seconds=correction.before, ended_at=ended_before, sign=-1)
        self.add(record, gpu_seconds=correction.after, ended_at=correction.ended_at)

    @property
    def gpu_seconds(self) -> dict[Cell, int]:
        """What is to be added to each cell, in GPU-seconds."""
        return dict(self._gpu_seconds)

    def post(self) -> None:
        """Write them, the cells in one order for all, so that writers never wait for each other in a ring."""
        rows = sorted(
            (
                (*cell, self._gpu_seconds[cell], self._jobs[cell])
                for cell in self._gpu_seconds
                if self._gpu_seconds[cell] or self._jobs[cell]
            ),
            key=lambda row: (*row[:3], row[3] or 0, *row[4:]),
        )
        if rows:
            with connection.cursor() as cursor:
                cursor.execute(POST, [list(column) for column in zip(*rows, strict=True)])


POST = """
    INSERT INTO usage_usageday AS cell
      (day, project_id, resource_id, user_id, state, gpus, gpu_seconds, jobs, changed_at)
    SELECT *, clock_timestamp() FROM unnest(
      %s::date[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::integer[], %s::bigint[],
      %s::integer[])
    ON CONFLICT ON CONSTRAINT usage_day_once DO UPDATE SET
      gpu_seconds = cell.gpu_seconds + excluded.gpu_seconds,
      jobs = cell.jobs + excluded.jobs,
      changed_at = excluded.changed_at
"""


def _cell(record: UsageRecord, day: date) -> Cell:
    allocation = record.allocation
    return Cell(day, allocation.project_id, allocation.resource_id, record.user_id, record.state, record.gpus)


def add_records(records: Iterable[UsageRecord]) -> None:
    """Add new runs to their days."""
    changes = Changes()
    for record in records:
        changes.add(record, gpu_seconds=record.gpu_seconds, ended_at=record.ended_at)
    changes.post()


def add_correction(record: UsageRecord, correction: UsageCorrection, *, ended_before: datetime) -> None:
    """Bring a run's days to what the correction says."""
    changes = Changes()
    changes.correct(record, correction, ended_before=ended_before)
    changes.post()


@transaction.atomic
def cube_rebuild() -> int:
    """Make the cube anew from records and corrections; returns the number of runs. Ingestion waits."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE usage_usageday IN SHARE ROW EXCLUSIVE MODE")
    UsageDay.objects.all().delete()
    records = UsageRecord.objects.select_related("allocation").prefetch_related("corrections").order_by("id")
    count, changes = 0, Changes()
    for record in records.iterator(chunk_size=REBUILD_BATCH):
        standing = list(record.corrections.all())
        changes.add(
            record,
            gpu_seconds=standing[-1].after if standing else record.gpu_seconds,
            ended_at=standing[-1].ended_at if standing else record.ended_at,
        )
        count += 1
    changes.post()
    return count
