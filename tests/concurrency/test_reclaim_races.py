"""A job that comes while hours are taken back: what it holds stays, and no hour goes twice."""

from threading import Barrier

import pytest

from allocations.ledger.selectors import balances
from allocations.ledger.services import hold_place
from allocations.ledger.verification import first_discrepancy
from allocations.lifecycle.models.reclaim import ReclaimCase
from allocations.lifecycle.services.reclaim import reclaim_run
from tests.cast import make_cast
from tests.concurrency.test_ledger_races import at_once
from tests.reclaiming import day, hundred_days, warned
from tests.requesting import HOUR

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_hold_and_two_nightly_runs_at_once(transactional_db: None) -> None:
    cast = make_cast()
    allocation = hundred_days(cast)
    warned(cast, allocation)
    reclaim_run(at=day(45))
    start = Barrier(3)

    def act(number: int) -> None:
        start.wait()
        if number == 0:
            hold_place(allocation_code=allocation.code, job_code="job", gpu_seconds=15 * HOUR, key="hold")
        else:
            reclaim_run(at=day(60))

    assert at_once(act, 3) == [None, None, None]
    case, left = ReclaimCase.objects.get(), balances(allocation.code)
    assert case.state == "taken"
    assert left.held == 15 * HOUR
    # Either order is right: half of what was unused before the hold, or after it.
    assert case.taken_gpu_seconds == left.returned
    assert left.returned in {50 * HOUR, 85 * HOUR // 2}
    assert first_discrepancy() is None
