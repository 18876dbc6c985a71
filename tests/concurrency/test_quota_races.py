"""200 approvals at once for a cap, and for capacity, that fit 50: exactly 50; with the guard off, more."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections
from django.test.utils import CaptureQueriesContext

from allocations.awards.models import Award
from allocations.awards.quotas import checks
from allocations.awards.quotas.models import Quota
from allocations.awards.quotas.services import quota_change, quota_set
from allocations.awards.services import award_make, awarding, capacity_post
from allocations.ledger.books import Books
from allocations.ledger.models import LedgerAccount
from allocations.ledger.selectors import pool_free
from allocations.ledger.verification import first_discrepancy
from datacenters.models import Capacity
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import DomainError, Refused
from tests.cast import Cast, make_cast
from tests.concurrency.test_ledger_races import without_the_check  # noqa: F401 - a fixture
from tests.requesting import HOUR

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = Quarter.of(clock.today())
# All approvals are there from the start; so many are at work at any moment, each on its own connection.
APPROVALS, PLACES, THREADS = 200, 50, 20


def in_turns(work: Callable[[int], Any]) -> list[Exception | None]:
    """Run `work(n)` for every approval; what each raised, None if nothing."""

    def run(number: int) -> Exception | None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 0")
            work(number)
        except (DomainError, DatabaseError) as error:
            return error
        return None

    def leave(_number: int) -> None:
        left.wait()
        connections.close_all()

    left = Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(run, range(APPROVALS)))
        list(pool.map(leave, range(THREADS)))
    return outcomes


@pytest.fixture
def funded(transactional_db: None) -> Cast:
    """Capacity for 1,000 awards of one hour each."""
    cast = make_cast()
    plan(cast, 1000)
    return cast


def plan(cast: Cast, hours: int) -> None:
    row = Capacity.objects.get(resource=cast.resource, quarter=str(QUARTER))
    row.gpu_seconds = hours * HOUR
    row.store("gpu_seconds")
    capacity_post(resource=cast.resource, quarter=QUARTER)


def cap(cast: Cast, percent: int) -> Any:
    return quota_set(
        actor=cast.admin,
        kind="cap",
        dimension="class",
        value="academic",
        percent=Decimal(percent),
        from_quarter=str(QUARTER),
        reason="Agreed",
    )


def approve(cast: Cast) -> Award:
    today = clock.today()
    return award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=HOUR,
        starts_on=today,
        ends_on=today,
    )


def refusals(outcomes: list[Exception | None]) -> set[str]:
    losers = [error for error in outcomes if error is not None]
    assert all(isinstance(error, Refused) for error in losers), losers
    return {error.code for error in losers if isinstance(error, Refused)}


def test_a_cap_for_fifty_takes_exactly_fifty(funded: Cast) -> None:
    cap(funded, 5)
    outcomes = in_turns(lambda _number: approve(funded))
    assert outcomes.count(None) == PLACES == Award.objects.count()
    assert refusals(outcomes) == {"over_quota"}
    assert first_discrepancy() is None


def test_without_the_locks_more_would_get_through(funded: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test above can fail: all who are at work look before the first of them writes."""
    cap(funded, 5)
    looked = Barrier(THREADS)
    ask = checks.require_within

    def look_first(**asked: Any) -> list[str]:
        try:
            return ask(**asked)
        finally:
            looked.wait()

    def unlocked(resources: Any, quarters: Any) -> list[Any]:
        return list(checks.enforced_for(resources, quarters))

    monkeypatch.setattr(checks, "lock", unlocked)
    monkeypatch.setattr(awarding, "require_within", look_first)
    outcomes = in_turns(lambda _number: approve(funded))
    assert outcomes.count(None) > PLACES


def test_capacity_for_fifty_takes_exactly_fifty(funded: Cast) -> None:
    plan(funded, PLACES)
    outcomes = in_turns(lambda _number: approve(funded))
    assert outcomes.count(None) == PLACES == Award.objects.count()
    assert refusals(outcomes) == {"over_capacity"}
    assert pool_free(funded.resource, [QUARTER]) == {QUARTER: 0}


def test_without_lock_and_check_more_capacity_would_be_given(
    funded: Cast,
    monkeypatch: pytest.MonkeyPatch,
    without_the_check: None,  # noqa: F811
) -> None:
    plan(funded, PLACES)
    looked = Barrier(THREADS)

    def look_without_locking(cls: Any, codes: Any, ids: Any = ()) -> Books:
        accounts = LedgerAccount.objects.filter(allocation_code__in=codes) | LedgerAccount.objects.filter(
            pk__in=ids
        )
        books = Books(list(accounts))
        looked.wait()
        return books

    monkeypatch.setattr(Books, "lock", classmethod(look_without_locking))
    outcomes = in_turns(lambda _number: approve(funded))
    assert outcomes.count(None) > PLACES


def test_a_cap_changed_meanwhile_holds_for_who_waited(funded: Cast) -> None:
    """Whoever waited for the old row asks the new one, whichever came first."""
    row = cap(funded, 100)
    start = Barrier(2)

    def work(number: int) -> None:
        start.wait()
        if number % 2:
            approve(funded)
        else:
            quota_change(
                actor=funded.admin,
                quota=row,
                percent=Decimal(0),
                from_quarter=str(QUARTER),
                enforced=True,
                reason="None",
            )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: _closing(work, number), range(2)))
    with pytest.raises(Refused):
        approve(funded)


def _closing(work: Callable[[int], None], number: int) -> None:
    try:
        work(number)
    except Refused:
        assert number == 1
    finally:
        connections.close_all()


def test_of_caps_set_at_once_for_one_group_one_stands(funded: Cast) -> None:
    # The check looks before it writes: what a neighbour writes meanwhile it must wait for.
    outcomes = in_turns(lambda number: cap(funded, 1 + number % 100))
    assert outcomes.count(None) == 1
    assert Quota.objects.filter(ended_at=None).count() == 1


def test_who_changes_one_and_who_sets_one_wait_in_the_same_order(funded: Cast) -> None:
    """All quotas are held before any row is: else each of two could hold what the other waits for."""

    def held() -> list[str]:
        statements = [query["sql"] for query in queries if "quota" in query["sql"]]
        return [
            "all" if "advisory" in sql else "row"
            for sql in statements
            if "FOR UPDATE" in sql or "advisory" in sql
        ]

    with CaptureQueriesContext(connection) as queries:
        row = cap(funded, 10)
    assert held() == ["all", "row"]
    with CaptureQueriesContext(connection) as queries:
        quota_change(
            actor=funded.admin,
            quota=row,
            percent=Decimal(20),
            from_quarter=str(QUARTER),
            enforced=True,
            reason="More",
        )
    assert held() == ["all", "row", "row"]
