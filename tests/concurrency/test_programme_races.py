"""Many decisions at once: the last capacity goes to exactly as many requests as it suffices for."""

from threading import Barrier
from typing import Any

import pytest

from allocations.awards.models import Award
from allocations.ledger.books import Books
from allocations.ledger.models import LedgerAccount
from allocations.ledger.selectors import pool_free
from allocations.ledger.services import capacity_set
from allocations.programme.models import AllocationRequest
from allocations.programme.services import request_submit, waiting_serve
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, Refused
from tests.cast import Cast, make_cast
from tests.concurrency.test_ledger_races import at_once, without_the_check  # noqa: F401 - a fixture
from tests.requesting import HOUR, approve, draft, fund, submitted
from tests.services.test_programme_awarding import CAPACITY, give_back, taken
from tests.services.test_programme_awarding import waiting as queued

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = Quarter.of(clock.today())
THREADS, PLACES = 16, 5


@pytest.fixture
def funded(transactional_db: None) -> Cast:
    """Room for five requests of one hour each."""
    cast = make_cast()
    capacity_set(resource=cast.resource, quarter=QUARTER, gpu_seconds=PLACES * HOUR, key="plan", actor=None)
    return cast


@pytest.fixture
def waiting(funded: Cast) -> list[AllocationRequest]:
    today = clock.today()
    return [submitted(funded, gpu_seconds=HOUR, starts_on=today, ends_on=today) for _number in range(THREADS)]


def approve_all(cast: Cast, requests: list[AllocationRequest]) -> list[Exception | None]:
    start = Barrier(len(requests))

    def decide(number: int) -> None:
        start.wait()
        approve(cast, requests[number])

    return at_once(decide, len(requests))


def test_exactly_what_fits_is_approved(funded: Cast, waiting: list[AllocationRequest]) -> None:
    outcomes = approve_all(funded, waiting)
    assert outcomes.count(None) == PLACES
    losers = [error for error in outcomes if error is not None]
    assert all(isinstance(error, Refused) and error.code == "over_capacity" for error in losers)
    states = list(AllocationRequest.objects.values_list("state", flat=True))
    assert (states.count("approved"), states.count("submitted")) == (PLACES, THREADS - PLACES)
    assert Award.objects.count() == PLACES
    assert pool_free(funded.resource, [QUARTER]) == {QUARTER: 0}


def test_with_the_guards_off_more_are(
    funded: Cast,
    waiting: list[AllocationRequest],
    monkeypatch: pytest.MonkeyPatch,
    without_the_check: None,  # noqa: F811
) -> None:
    """So the test above can fail: without lock and CHECK, all who look before the first writes get theirs."""
    looked = Barrier(THREADS)

    def look_without_locking(cls: Any, codes: Any, ids: Any = ()) -> Books:
        accounts = LedgerAccount.objects.filter(allocation_code__in=codes) | LedgerAccount.objects.filter(
            pk__in=ids
        )
        books = Books(list(accounts))
        looked.wait()
        return books

    monkeypatch.setattr(Books, "lock", classmethod(look_without_locking))
    outcomes = approve_all(funded, waiting)
    assert outcomes.count(None) == THREADS > PLACES
    assert pool_free(funded.resource, [QUARTER]) == {QUARTER: (PLACES - THREADS) * HOUR}


def test_one_request_is_decided_once(funded: Cast) -> None:
    request = submitted(funded, gpu_seconds=HOUR, ends_on=clock.today())
    outcomes = approve_all(funded, [request] * 6)
    assert outcomes.count(None) == 1
    assert all(isinstance(error, IllegalState) for error in outcomes if error is not None)
    assert Award.objects.count() == 1


def test_one_draft_is_submitted_once(funded: Cast) -> None:
    request = draft(funded)
    start = Barrier(6)

    def submit(number: int) -> None:
        start.wait()
        request_submit(actor=funded.pi, request=request)

    outcomes = at_once(submit, 6)
    assert outcomes.count(None) == 1
    assert all(isinstance(error, IllegalState) for error in outcomes if error is not None)


def test_runs_at_once_serve_each_place_once_and_in_order(transactional_db: None) -> None:
    cast = make_cast()
    fund(cast.resource)
    holder = taken(cast, CAPACITY)
    places = [queued(cast) for _number in range(4)]
    give_back(cast, holder, 250)
    outcomes = at_once(lambda _number: waiting_serve(resource=cast.resource), 4)
    assert outcomes == [None] * 4
    for place in places:
        place.refresh_from_db()
    assert [place.served_gpu_seconds // HOUR for place in places] == [100, 100, 50, 0]
    assert pool_free(cast.resource, [QUARTER]) == {QUARTER: 0}
