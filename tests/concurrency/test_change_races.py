"""Two changes at once, on two resources, for which there is room once: a quarter's cap, a request's track."""

from threading import Barrier
from typing import Any

import pytest

from allocations.awards.models import Allocation
from allocations.awards.quotas import checks
from allocations.awards.quotas.services import quota_set
from allocations.awards.services import allocation_extend, award_make, changing
from allocations.lifecycle.services import changes
from portal.foundation import clock
from portal.foundation.errors import Refused
from tests.cast import Cast, make_cast, site
from tests.concurrency.test_ledger_races import at_once
from tests.lifecycling import NOW, ask
from tests.requesting import HOUR, fund
from tests.services.test_lifecycle_supplements import two_lines

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(transactional_db: None) -> tuple[Cast, list[Allocation]]:
    """Until the end of this quarter 100 GPU-hours each; in the next one the organisation may have 150."""
    cast = make_cast()
    found = []
    for resource in (cast.resource, site("uet")):
        fund(resource)
        award = award_make(
            actor=cast.council,
            project=cast.project,
            resource=resource,
            gpu_seconds=100 * HOUR,
            starts_on=clock.today(),
            ends_on=NOW.last_day,
        )
        found.append(award.allocation)
    days = (NOW.last_day - clock.today()).days + 1
    quota_set(
        actor=cast.admin,
        kind="cap",
        dimension="organisation",
        value=cast.organisation.code,
        gpu_seconds=150 * HOUR * NOW.next.days // (NOW.next.days + days),
        from_quarter=str(NOW.next),
        reason="Agreed",
    )
    return cast, found


def extend_both(cast: Cast, allocations: list[Allocation]) -> list[Exception | None]:
    start = Barrier(len(allocations))

    def extend(number: int) -> None:
        start.wait()
        allocation_extend(
            allocation=allocations[number],
            ends_on=NOW.next.last_day,
            actor=cast.admin,
            reason="Later data.",
            key=f"extend:{number}",
        )

    return at_once(extend, len(allocations))


def test_a_cap_of_the_quarter_that_is_gained_is_given_once(two: tuple[Cast, list[Allocation]]) -> None:
    outcomes = extend_both(*two)
    assert outcomes.count(None) == 1
    (loser,) = (error for error in outcomes if error is not None)
    assert isinstance(loser, Refused)
    assert loser.code == "over_quota"


def test_without_the_lock_both_would_have_it(
    two: tuple[Cast, list[Allocation]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above can fail: both look before one of them writes."""
    looked = Barrier(2)
    lock_and_check = changing.quotas_check

    def look_first(*about: Any) -> Any:
        check = lock_and_check(*about)

        def then_wait(portions: Any) -> None:
            check(portions)
            looked.wait()

        return then_wait

    monkeypatch.setattr(
        checks, "lock", lambda resources, quarters: list(checks.enforced_for(resources, quarters))
    )
    monkeypatch.setattr(changing, "quotas_check", look_first)
    assert extend_both(*two).count(None) == 2


# --- Supplements of two lines -------------------------------------------------------------------------------
@pytest.fixture
def lines(transactional_db: None) -> tuple[Cast, list[Allocation]]:
    """Two of one request, whose track leaves 20 GPU-hours for both together."""
    cast = make_cast()
    return cast, two_lines(cast, most=220)


def supplement_both(cast: Cast, allocations: list[Allocation]) -> list[Exception | None]:
    start = Barrier(len(allocations))

    def supplement(number: int) -> None:
        start.wait()
        ask(cast, allocations[number], "more", gpu_seconds=20 * HOUR)

    return at_once(supplement, len(allocations))


def test_the_room_of_a_request_is_given_once(lines: tuple[Cast, list[Allocation]]) -> None:
    outcomes = supplement_both(*lines)
    assert outcomes.count(None) == 1
    (loser,) = (error for error in outcomes if error is not None)
    assert isinstance(loser, Refused)
    assert loser.code == "beyond_track"


def test_without_the_lock_of_the_request_both_would_have_it(
    lines: tuple[Cast, list[Allocation]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above can fail: both look before one of them writes."""
    looked, look = Barrier(2), changes.room_for_more

    def look_first(allocation: Allocation) -> int | None:
        found = look(allocation)
        looked.wait()
        return found

    monkeypatch.setattr(changes, "_lock_requests", lambda _allocation: None)
    monkeypatch.setattr(changes, "room_for_more", look_first)
    assert supplement_both(*lines).count(None) == 2
