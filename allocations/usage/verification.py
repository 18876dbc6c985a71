"""Whether usage, cube and ledger tell the same. The ledger is the truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum

from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances_of
from allocations.usage.models import UsageCorrection, UsageDay, UsageRecord

Pair = tuple[str, str]  # codes of project and resource


@dataclass(frozen=True)
class Difference:
    """`rule` is what doesn't hold, `where` names the row; both amounts are GPU-seconds."""

    rule: str
    where: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: expected {self.expected}, found {self.found}"


def first_difference() -> Difference | None:
    """The first allocation whose usage isn't what the ledger spent, then the first project and resource whose
    days aren't their runs; None where all agree. Reads one snapshot, so it may run while others post.
    """
    with _one_snapshot():
        return next(_ledger_differences(), None) or next(_cube_differences(), None)


def _ledger_differences() -> Iterator[Difference]:
    used = _used("allocation__code")
    codes = list(Allocation.objects.order_by("code").values_list("code", flat=True))
    standing = balances_of(codes)
    for code in codes:
        spent, found = standing[code].spent, used.get((code,), 0)
        if found != spent:
            yield Difference("The usage of an allocation is what the ledger spent", code, spent, found)


def _cube_differences() -> Iterator[Difference]:
    runs = _used("allocation__project__code", "allocation__resource__code")
    days = _sums(UsageDay.objects.all(), "project__code", "resource__code", total=Sum("gpu_seconds"))
    for key in sorted(runs.keys() | days.keys()):
        expected, found = runs.get(key, 0), days.get(key, 0)
        if found != expected:
            yield Difference("The days are the sum of the runs", " on ".join(key), expected, found)


def _used(*path: str) -> dict[tuple[str, ...], int]:
    """Records and their corrections, summed by columns of the record."""
    used = _sums(UsageRecord.objects.all(), *path, total=Sum("gpu_seconds"))
    corrections = _sums(
        UsageCorrection.objects.all(),
        *(f"record__{column}" for column in path),
        total=Sum(F("after") - F("before")),
    )
    for key, difference in corrections.items():
        used[key] += difference
    return used


def _sums(
    rows: QuerySet[UsageRecord] | QuerySet[UsageCorrection] | QuerySet[UsageDay], *path: str, total: Sum
) -> dict[tuple[str, ...], int]:
    grouped = rows.order_by().values_list(*path).annotate(total=total)
    return {tuple(row[:-1]): row[-1] for row in grouped}


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Every query inside sees the same moment; within a caller's transaction that is the caller's affair."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
