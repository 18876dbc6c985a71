"""Two decisions at once about a call whose budget suffices for one of them."""

from threading import Barrier
from typing import Any

import pytest

from allocations.programme.models import AllocationRequest, Call, CallBudget
from allocations.programme.services import call_budget_set, decisions
from portal.foundation.errors import Refused
from tests.calling import plain_call, within
from tests.cast import Cast, make_cast
from tests.concurrency.test_ledger_races import at_once
from tests.requesting import HOUR, approve, fund

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(transactional_db: None) -> tuple[Cast, list[AllocationRequest]]:
    """Two requests of 100 GPU-hours within a call that has 150."""
    cast = make_cast()
    fund(cast.resource)
    call = plain_call(cast)
    call_budget_set(actor=cast.admin, call=call, resource=cast.resource, gpu_seconds=150 * HOUR)
    return cast, [within(cast, Call.objects.get(pk=call.pk)) for _number in range(2)]


def approve_both(cast: Cast, requests: list[AllocationRequest]) -> list[Exception | None]:
    start = Barrier(len(requests))

    def decide(number: int) -> None:
        start.wait()
        approve(cast, requests[number])

    return at_once(decide, len(requests))


def test_a_calls_budget_is_given_once(two: tuple[Cast, list[AllocationRequest]]) -> None:
    outcomes = approve_both(*two)
    assert outcomes.count(None) == 1
    (loser,) = (error for error in outcomes if error is not None)
    assert isinstance(loser, Refused)
    assert loser.code == "over_budget"


def test_without_the_lock_both_would_have_it(
    two: tuple[Cast, list[AllocationRequest]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above can fail: both look before one of them writes."""
    looked = Barrier(2)
    ask = decisions.checked

    def look_first(*asked: Any) -> Any:
        found = ask(*asked)
        looked.wait()
        return found

    monkeypatch.setattr(CallBudget.objects, "select_for_update", lambda **_how: CallBudget.objects.all())
    monkeypatch.setattr(decisions, "checked", look_first)
    assert approve_both(*two).count(None) == 2
