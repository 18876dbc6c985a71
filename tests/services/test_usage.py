"""Usage: how runs fall into days, corrections, and that usage, cube and ledger tell the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from allocations.awards.models import Allocation
from allocations.ledger import services as ledger
from allocations.ledger.selectors import balances
from allocations.usage import services
from allocations.usage.calendar import days_of, shares
from allocations.usage.models import UsageCorrection, UsageDay, UsageRecord
from allocations.usage.services.cube import Changes
from allocations.usage.verification import first_difference
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from tests.cast import Cast
from tests.using import allocated, charged, run

# 19:00 UTC is midnight in Pakistan.
MIDNIGHT = datetime(2026, 11, 10, 19, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lengths = st.timedeltas(timedelta(), timedelta(days=40))


# --- Days -------------------------------------------------------------------------------------------
@given(start=moments, length=lengths, gpu_seconds=st.integers(0, 10**12))
def test_the_days_of_a_run_add_up_to_its_charge(start: datetime, length: timedelta, gpu_seconds: int) -> None:
    parts = shares(gpu_seconds, start, start + length)
    assert sum(part for _, part in parts) == gpu_seconds
    assert all(part >= 0 for _, part in parts)
    days = [day for day, _ in parts]
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]
    assert days[0] == clock.day_of(start)


@given(start=moments, length=lengths, gpus=st.integers(1, 64))
def test_a_charge_of_gpus_times_seconds_falls_where_it_ran(
    start: datetime, length: timedelta, gpus: int
) -> None:
    start, length = start.replace(microsecond=0), timedelta(seconds=max(1, int(length.total_seconds())))
    spans = days_of(start, start + length)
    assert sum(seconds for _, seconds in spans) == length.total_seconds()
    assert all(0 < seconds <= 86_400 for _, seconds in spans)
    assert shares(int(length.total_seconds()) * gpus, start, start + length) == [
        (day, seconds * gpus) for day, seconds in spans
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (10, 10, {10: 10, 11: 10}),
        (10, 0, {10: 10}),  # ends at midnight: nothing of it lies in the next day
        (0, 10, {11: 10}),
        (5, 86_400 + 7, {10: 5, 11: 86_400, 12: 7}),
    ],
)
def test_midnight_is_that_of_pakistan(before: int, after: int, expected: dict[int, int]) -> None:
    spans = days_of(MIDNIGHT - timedelta(seconds=before), MIDNIGHT + timedelta(seconds=after))
    assert {day.day: seconds for day, seconds in spans} == expected


@pytest.mark.parametrize("length", [timedelta(), timedelta(seconds=-5), timedelta(milliseconds=400)])
def test_a_run_without_length_has_a_day(length: timedelta) -> None:
    start = MIDNIGHT - timedelta(milliseconds=200)
    assert shares(7, start, start + length)[0][1] == 7


# --- Records ----------------------------------------------------------------------------------------
def by_day() -> dict[int, tuple[int, int]]:
    cells = UsageDay.objects.values("day").annotate(total=Sum("gpu_seconds"), ended=Sum("jobs"))
    return {cell["day"].day: (cell["total"], cell["ended"]) for cell in cells}


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    return allocated(cast.project, cast.resource, by=cast.council)


def test_a_run_over_midnight_counts_on_the_day_it_ended(allocation: Allocation) -> None:
    run(allocation, ended_at=MIDNIGHT + timedelta(seconds=100), seconds=400, gpus=2)
    assert by_day() == {10: (600, 0), 11: (200, 1)}


def test_runs_of_one_grain_share_a_cell(allocation: Allocation, cast: Cast) -> None:
    for _ in range(3):
        run(allocation, user=cast.pi)
    run(allocation, user=None)
    run(allocation, user=None)
    assert sorted(UsageDay.objects.values_list("jobs", flat=True)) == [2, 3]


def test_a_run_is_kept_once(allocation: Allocation) -> None:
    run(allocation, key="twice")
    with pytest.raises(IntegrityError), transaction.atomic():
        run(allocation, key="twice")
    assert UsageRecord.objects.count() == 1
    assert sum(jobs for _, jobs in by_day().values()) == 1


def test_negative_usage_is_refused(allocation: Allocation) -> None:
    with pytest.raises(InvalidInput):
        run(allocation, gpu_seconds=-1)
    run(allocation, key="kept")
    with pytest.raises(InvalidInput):
        services.usage_correct(run_key="kept", gpu_seconds=-1, reason="")


def test_many_runs_cost_as_few_statements_as_one(
    allocation: Allocation, django_assert_max_num_queries: Callable
) -> None:
    records = [run(allocation, save=False) for _ in range(50)]
    with django_assert_max_num_queries(4):  # two of them the savepoint
        services.usage_record_many(records=records)
    assert sum(jobs for _, jobs in by_day().values()) == 50


# --- Corrections ------------------------------------------------------------------------------------
def test_a_correction_posts_the_difference_to_the_days(allocation: Allocation) -> None:
    run(allocation, key="run", ended_at=MIDNIGHT + timedelta(seconds=100), seconds=400)
    services.usage_correct(run_key="run", gpu_seconds=200, reason="The clock was wrong")
    assert by_day() == {10: (150, 0), 11: (50, 1)}
    kept = UsageCorrection.objects.get()
    assert (kept.before, kept.after, kept.reason) == (400, 200, "The clock was wrong")
    assert UsageRecord.objects.get().gpu_seconds == 400  # as it was first told


def test_a_correction_may_move_the_end_to_another_day(allocation: Allocation) -> None:
    run(allocation, key="run", ended_at=MIDNIGHT - timedelta(seconds=100), seconds=300)
    services.usage_correct(
        run_key="run", gpu_seconds=600, reason="Ran on", ended_at=MIDNIGHT + timedelta(seconds=200)
    )
    assert by_day() == {10: (400, 0), 11: (200, 1)}


def test_a_correction_of_nothing_is_none(allocation: Allocation) -> None:
    run(allocation, key="run", gpu_seconds=400)
    assert services.usage_correct(run_key="run", gpu_seconds=400, reason="") is None
    assert not UsageCorrection.objects.exists()


@given(amounts=st.lists(st.integers(0, 50), min_size=1, max_size=6))
def test_no_history_of_corrections_leaves_a_day_below_nothing(amounts: list[int]) -> None:
    """Splitting each difference by itself would: 2 seconds over 3 days, twice taken 1 away, leave -1."""
    place = Allocation(project_id=1, resource_id=1)
    record = run(place, ended_at=MIDNIGHT, seconds=2 * 86_400 + 9, gpu_seconds=2, save=False)
    changes = Changes()
    changes.add(record, gpu_seconds=2, ended_at=record.ended_at)
    for before, after in pairwise([2, *amounts]):
        correction = UsageCorrection(before=before, after=after, ended_at=record.ended_at)
        changes.correct(record, correction, ended_before=record.ended_at)
        assert min(changes.gpu_seconds.values()) >= 0
        assert sum(changes.gpu_seconds.values()) == after


# --- What the database refuses ----------------------------------------------------------------------
@pytest.mark.parametrize("table", ["usage_usagerecord", "usage_usagecorrection"])
@pytest.mark.parametrize("attack", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_was_told_stays(allocation: Allocation, table: str, attack: str) -> None:
    run(allocation, key="run")
    services.usage_correct(run_key="run", gpu_seconds=1, reason="")
    with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {attack.format(table)}")


# --- Verification -----------------------------------------------------------------------------------
def verify() -> str:
    out = StringIO()
    call_command("usage_verify", stdout=out)
    return out.getvalue()


def test_usage_and_ledger_agree(allocation: Allocation) -> None:
    charged(allocation, key="one", gpu_seconds=700)
    charged(allocation, key="two", gpu_seconds=50, ended_at=MIDNIGHT + timedelta(seconds=3))
    ledger.charge_correct(
        allocation_code=allocation.code, run_key="one", gpu_seconds=600, key="correct", reason="x"
    )
    services.usage_correct(run_key="one", gpu_seconds=600, reason="x")
    assert balances(allocation.code).spent == 650
    assert "agree: 2 runs" in verify()


def test_usage_without_a_charge_is_named(allocation: Allocation) -> None:
    charged(allocation, gpu_seconds=700)
    run(allocation, gpu_seconds=5)
    with pytest.raises(CommandError, match=f"{allocation.code}: expected 700, found 705"):
        verify()


def test_a_charge_without_usage_is_named(allocation: Allocation) -> None:
    ledger.charge_post(
        allocation_code=allocation.code, run_key="run", gpu_seconds=9, job_code=None, key="charge:run"
    )
    with pytest.raises(CommandError, match="expected 9, found 0"):
        verify()


def test_a_cube_that_was_tampered_with_is_named_and_can_be_made_anew(allocation: Allocation) -> None:
    charged(allocation, key="run", gpu_seconds=700, ended_at=MIDNIGHT + timedelta(seconds=3))
    charged(allocation, gpu_seconds=50)
    ledger.charge_correct(
        allocation_code=allocation.code, run_key="run", gpu_seconds=600, key="correct", reason="x"
    )
    services.usage_correct(run_key="run", gpu_seconds=600, reason="x")
    right = by_day()
    UsageDay.objects.update(gpu_seconds=1, jobs=7)
    found = first_difference()
    assert found is not None
    assert found.where == f"{allocation.project.code} on {allocation.resource.code}"
    assert found.expected == 650
    call_command("usage_rebuild", stdout=StringIO())
    assert by_day() == right
    verify()
