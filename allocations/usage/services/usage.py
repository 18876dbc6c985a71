"""Writing usage: the record of a run, and its share in each day of the cube."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.usage.models import UsageCorrection, UsageRecord
from allocations.usage.services import cube
from portal.foundation.errors import InvalidInput
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
    record = UsageRecord(
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
    return usage_record_many(records=[record])[0]


@transaction.atomic
def usage_record_many(*, records: Sequence[UsageRecord]) -> list[UsageRecord]:
    """Keep ended runs and add them to their days, in two statements however many they are.

    Raises IntegrityError where one is kept already, InvalidInput for negative GPU-seconds.
    """
    for record in records:
        _need_amount(record.gpu_seconds)
    made = UsageRecord.objects.bulk_create(records)
    cube.add_records(made)
    return made


@transaction.atomic
def usage_correct(
    *, run_key: str, gpu_seconds: int, reason: str, ended_at: datetime | None = None
) -> UsageCorrection | None:
    """Bring a run's usage to `gpu_seconds`, and its end to `ended_at` where the site tells another.

    Its days get the difference; the record stays as it was, the correction is kept beside it. None where
    nothing changes. Raises UsageRecord.DoesNotExist, IntegrityError where somebody else corrects the same run
    at this moment, InvalidInput for negative GPU-seconds.
    """
    _need_amount(gpu_seconds)
    record = UsageRecord.objects.select_related("allocation").get(run_key=run_key)
    last = record.corrections.last()
    before, ended_before = (last.after, last.ended_at) if last else (record.gpu_seconds, record.ended_at)
    ended_at = ended_at or ended_before
    if (gpu_seconds, ended_at) == (before, ended_before):
        return None
    correction = UsageCorrection.objects.create(
        record=record,
        number=last.number + 1 if last else 1,
        ended_at=ended_at,
        before=before,
        after=gpu_seconds,
        reason=reason,
    )
    cube.add_correction(record, correction, ended_before=ended_before)
    return correction


def _need_amount(gpu_seconds: int) -> None:
    if gpu_seconds < 0:
        raise InvalidInput(_("Usage can't be negative."), field="gpu_seconds")
