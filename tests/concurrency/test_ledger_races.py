"""Many at once: the last of the budget goes to exactly as many as it suffices for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, connections, transaction

from allocations.ledger.models import Hold, LedgerAccount, Posting
from allocations.ledger.selectors import Balances, balances
from allocations.ledger.services import Charge, award_post, capacity_set, charge_many, hold_place
from allocations.ledger.verification import first_discrepancy
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import DomainError, Refused
from tests.cast import make_cast

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = Quarter.of(clock.today())
THREADS, PLACES = 64, 10


@pytest.fixture
def funded(transactional_db: None) -> None:
    """Two allocations with 10 GPU-seconds each; the locks may take their time on a busy machine."""
    cast = make_cast()
    capacity_set(resource=cast.resource, quarter=QUARTER, gpu_seconds=2 * PLACES, key="plan", actor=None)
    for code in ("alc-1", "alc-2"):
        award_post(
            resource=cast.resource,
            allocation_code=code,
            portions={QUARTER: PLACES},
            key=f"award {code}",
            actor=None,
        )


def at_once(work: Callable[[int], None], count: int = THREADS) -> list[Exception | None]:
    """Run `work(n)` in `count` threads, each on its own connection; what each raised, None if nothing."""

    def run(number: int) -> Exception | None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 0")
            work(number)
        except (DomainError, DatabaseError) as error:
            return error
        else:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_exactly_as_many_holds_as_the_budget_suffices_for(funded):
    start = Barrier(THREADS)

    def take(number: int) -> None:
        start.wait()
        hold_place(allocation_code="alc-1", job_code=f"job {number}", gpu_seconds=1, key=f"hold {number}")

    outcomes = at_once(take)
    assert outcomes.count(None) == PLACES
    losers = [error for error in outcomes if error is not None]
    assert all(isinstance(error, Refused) and error.code == "over_budget" for error in losers)
    assert balances("alc-1") == Balances(granted=PLACES, held=PLACES)
    assert Hold.objects.count() == PLACES
    assert first_discrepancy() is None


NAIVE = """
    INSERT INTO ledger_transfer (posting_id, line, resource_id, from_account_id, from_kind,
                                 to_account_id, to_kind, amount, hold_id)
    SELECT %s, 1, a.resource_id, a.id, a.kind, h.id, h.kind, 1, %s
    FROM ledger_ledgeraccount a JOIN ledger_ledgeraccount h USING (allocation_code)
    WHERE allocation_code = 'alc-1' AND a.kind = 'available' AND h.kind = 'held'
"""


def naive_holds() -> list[Exception | None]:
    """Look first, then write, without a lock: all have looked before the first one writes."""
    looked = Barrier(THREADS)

    def take(number: int) -> None:
        available = LedgerAccount.objects.get(allocation_code="alc-1", kind="available")
        enough = available.balance >= 1
        looked.wait()
        if not enough:
            raise Refused(code="over_budget")
        with transaction.atomic(), connection.cursor() as cursor:
            held = LedgerAccount.objects.get(allocation_code="alc-1", kind="held")
            hold = Hold.objects.create(job_code=f"job {number}", account=held)
            posting = Posting.objects.create(
                key=f"hold {number}", fingerprint=b"", kind="hold", allocation_code="alc-1"
            )
            cursor.execute(NAIVE, [posting.pk, hold.pk])

    return at_once(take)


def test_the_database_holds_where_the_code_looks_before_it_locks(funded):
    outcomes = naive_holds()
    assert outcomes.count(None) == PLACES
    assert all("ledger_no_negative_balance" in str(error) for error in outcomes if error)
    assert balances("alc-1") == Balances(granted=PLACES, held=PLACES)


@pytest.fixture
def without_the_check(funded: None):
    """The CHECK on balances dropped, and put back in its own words."""
    name = "ledger_no_negative_balance"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
        (words,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE ledger_ledgeraccount DROP CONSTRAINT {name}")
    yield
    with connection.cursor() as cursor:
        # What the test left behind breaks it; the rows are emptied right after.
        cursor.execute(f"ALTER TABLE ledger_ledgeraccount ADD CONSTRAINT {name} {words} NOT VALID")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE ledger_ledgeraccount CASCADE")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute(f"ALTER TABLE ledger_ledgeraccount VALIDATE CONSTRAINT {name}")


def test_with_the_guard_off_more_would_win(without_the_check):
    """So the tests above can fail: nothing but the guard stops the 54 others."""
    outcomes = naive_holds()
    assert outcomes.count(None) == THREADS
    assert balances("alc-1").held == THREADS
    assert balances("alc-1").available == PLACES - THREADS


def test_one_key_from_many_sides_posts_once(funded):
    start = Barrier(16)

    def take(_number: int) -> None:
        start.wait()
        hold_place(allocation_code="alc-1", job_code="job", gpu_seconds=3, key="hold")

    assert at_once(take, 16) == [None] * 16
    assert balances("alc-1") == Balances(granted=PLACES, available=PLACES - 3, held=3)


def test_batches_that_cross_dont_deadlock(funded):
    """Half the threads charge the allocations in one order, half in the other: locks are sorted."""
    start = Barrier(8)

    def charge(number: int) -> None:
        codes = ["alc-1", "alc-2"] if number % 2 else ["alc-2", "alc-1"]
        start.wait()
        for turn in range(10):
            charge_many(
                [
                    Charge(allocation_code=code, run_key=f"{code} {number} {turn}", gpu_seconds=1,
                           key=f"{code} {number} {turn}")
                    for code in codes
                ]
            )  # fmt: skip

    assert at_once(charge, 8) == [None] * 8
    for code in ("alc-1", "alc-2"):
        assert balances(code) == Balances(granted=PLACES, spent=80, overrun=80 - PLACES)
    assert first_discrepancy() is None
