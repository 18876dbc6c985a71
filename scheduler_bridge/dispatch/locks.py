"""One at a time, across all workers: a lease with an end, and a number that fences off who slept past it.

A killed worker's lease runs out by itself. A frozen one's too; when it wakes, its number has been passed and
whatever it goes on to write is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import NamedTuple

from django.db import connection

# Longer than any one call to a cluster takes (30 s): between calls the lease is prolonged.
LEASE = timedelta(seconds=45)

TAKE = """
    INSERT INTO scheduler_bridge_worklease (name, number, expires_at)
    SELECT %(name)s, 0, clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM scheduler_bridge_worklease WHERE name = %(name)s) ON CONFLICT DO NOTHING;
    UPDATE scheduler_bridge_worklease
    SET number = number + 1, expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE name = (
        SELECT name FROM scheduler_bridge_worklease
        WHERE name = %(name)s AND expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED
    )
    RETURNING number
"""
PROLONG = """
    UPDATE scheduler_bridge_worklease SET expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE name = %(name)s AND number = %(number)s
"""


class LeaseLost(Exception):
    """Another worker has taken over: nothing more may be written."""


class Lease(NamedTuple):
    name: str
    number: int


_held: ContextVar[tuple[Lease, ...]] = ContextVar("leases", default=())


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Whether the caller alone does `name` now, without waiting. It has to `keep` what it was given."""
    lease = _take(name)
    if lease is None:
        yield False
        return
    held = _held.set((*_held.get(), lease))
    try:
        yield True
    finally:
        _held.reset(held)
        _prolong(lease, timedelta(0))


def keep() -> None:
    """Prolong the leases that the caller holds. Raises LeaseLost where one has passed to another.

    Called first in the transaction that writes, it fences the whole of it: until that commits, nobody else
    can take the lease.
    """
    for lease in _held.get():
        if not _prolong(lease, LEASE):
            raise LeaseLost(f"{lease.name}: another worker has taken over")


def _take(name: str) -> Lease | None:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"name": name, "lease": LEASE.total_seconds()})
        row = cursor.fetchone()
    return Lease(name, row[0]) if row else None


def _prolong(lease: Lease, time: timedelta) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(PROLONG, {**lease._asdict(), "lease": time.total_seconds()})
        return cursor.rowcount == 1
