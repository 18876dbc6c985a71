"""What moves between quarters and between allocations, and what is kept back for later instalments."""

from datetime import timedelta

import pytest

from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances, pool_free, withheld_of
from allocations.ledger.services import (
    award_post,
    capacity_set,
    charge_post,
    instalment_release,
    instalment_withhold,
    respread_post,
    transfer_post,
)
from allocations.ledger.verification import first_discrepancy
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, Refused
from portal.foundation.models import OutboxRow
from tests.cast import Cast

pytestmark = pytest.mark.django_db
NOW = Quarter.of(clock.today())
NEXT = NOW.next
LATER = NEXT.next


@pytest.fixture
def codes(cast: Cast) -> list[str]:
    """Two allocations of 60 and 10 GPU-seconds out of pools of 100 in each of three quarters."""
    for quarter in (NOW, NEXT, LATER):
        capacity_set(resource=cast.resource, quarter=quarter, gpu_seconds=100, key=str(quarter), actor=None)
    found = []
    for gpu_seconds, quarter in ((60, NOW), (10, NEXT)):
        allocation = Allocation.objects.create(
            project=cast.project,
            resource=cast.resource,
            starts_on=clock.today(),
            ends_on=clock.today() + timedelta(days=30),
        )
        award_post(
            resource=cast.resource,
            allocation_code=allocation.code,
            portions={quarter: gpu_seconds},
            key=f"award {allocation.code}",
            actor=None,
        )
        found.append(allocation.code)
    return found


@pytest.fixture(autouse=True)
def adds_up(db: None):
    yield
    assert first_discrepancy() is None


def free(cast: Cast) -> list[int]:
    return list(pool_free(cast.resource, [NOW, NEXT, LATER]).values())


def respread(cast: Cast, code: str, days: dict[Quarter, int], key: str = "k"):
    return respread_post(resource=cast.resource, allocation_code=code, days=days, key=key, actor=None)


def transfer(
    cast: Cast,
    codes: list[str],
    gpu_seconds: int,
    days: dict[Quarter, int],
    key: str = "t",
    *,
    anew: bool = False,
):
    return transfer_post(
        resource=cast.resource,
        source_code=codes[0],
        target_code=codes[1],
        gpu_seconds=gpu_seconds,
        days=days,
        key=key,
        actor=None,
        anew=anew,
    )


def test_a_respread_moves_portions_and_grants_nothing(cast: Cast, codes: list[str]) -> None:
    before = balances(codes[0])
    for _ in range(2):  # the repeat does nothing
        respread(cast, codes[0], {NOW: 1, NEXT: 2})
    assert free(cast) == [80, 50, 100]
    assert OutboxRow.objects.filter(topic="pool_freed", key=cast.resource.code).count() == 1
    assert balances(codes[0]) == before


def test_a_respread_takes_what_is_free_only(cast: Cast, codes: list[str]) -> None:
    capacity_set(resource=cast.resource, quarter=NEXT, gpu_seconds=20, key="less", actor=None)
    with pytest.raises(Refused) as refusal:
        respread(cast, codes[0], {NEXT: 1})
    assert refusal.value.code == "over_capacity"
    assert refusal.value.figures == {"quarter": str(NEXT), "wanted": 60, "free": 10}
    assert free(cast) == [40, 10, 100]


def test_what_is_used_or_withheld_stays_where_it_is(cast: Cast, codes: list[str]) -> None:
    charge_post(allocation_code=codes[0], run_key="run", gpu_seconds=20, key="c")
    instalment_withhold(allocation_code=codes[0], award_code="awd-1", gpu_seconds=10, key="w", actor=None)
    respread(cast, codes[0], {NEXT: 1})
    assert free(cast) == [70, 60, 100]


def test_a_transfer_keeps_the_quarters_that_the_target_covers(cast: Cast, codes: list[str]) -> None:
    for _ in range(2):
        transfer(cast, codes, 25, {NOW: 5, NEXT: 5})
    assert free(cast) == [40, 90, 100]
    source, target = balances(codes[0]), balances(codes[1])
    assert (source.available, source.returned) == (35, 25)
    assert (target.available, target.granted) == (35, 35)


def test_what_a_transfer_to_a_longer_allocation_frees_is_told(cast: Cast, codes: list[str]) -> None:
    transfer(cast, codes, 20, {NOW: 1, NEXT: 1})
    told = OutboxRow.objects.filter(topic="pool_freed", key=cast.resource.code)
    assert (free(cast), told.count()) == ([40, 90, 100], 0)
    for _ in range(2):
        transfer(cast, codes, 20, {NOW: 1, NEXT: 1}, key="a", anew=True)
    assert (free(cast), told.count()) == ([50, 80, 100], 1)


def test_a_transfer_out_of_a_later_quarter_needs_room_in_an_earlier_one(cast: Cast, codes: list[str]) -> None:
    respread(cast, codes[0], {LATER: 1})
    transfer(cast, codes, 50, {NOW: 1})
    assert free(cast) == [50, 90, 90]
    capacity_set(resource=cast.resource, quarter=NOW, gpu_seconds=50, key="less", actor=None)
    with pytest.raises(Refused) as refusal:
        transfer(cast, codes, 10, {NOW: 1}, key="u")
    assert refusal.value.code == "over_capacity"


def test_a_transfer_repays_the_targets_debt(cast: Cast, codes: list[str]) -> None:
    charge_post(allocation_code=codes[1], run_key="run", gpu_seconds=14, key="c")
    transfer(cast, codes, 10, {NOW: 1})
    target = balances(codes[1])
    assert (target.overrun, target.available, target.granted) == (0, 6, 20)


def test_no_more_than_is_available_moves(cast: Cast, codes: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        transfer(cast, codes, 61, {NOW: 1})
    assert refusal.value.code == "over_available"
    with pytest.raises(IllegalState):
        transfer(cast, [codes[0], codes[0]], 1, {NOW: 1})


def test_withheld_is_neither_available_nor_free(cast: Cast, codes: list[str]) -> None:
    for _ in range(2):
        instalment_withhold(allocation_code=codes[0], award_code="awd-1", gpu_seconds=40, key="w", actor=None)
    assert withheld_of(codes) == {codes[0]: 40, codes[1]: 0}
    assert (balances(codes[0]).available, free(cast)[0]) == (20, 40)
    charge_post(allocation_code=codes[0], run_key="run", gpu_seconds=25, key="c")
    assert balances(codes[0]).overrun == 5
    instalment_release(allocation_code=codes[0], gpu_seconds=10, key="r", actor=None)
    assert (balances(codes[0]).overrun, balances(codes[0]).available) == (0, 5)
    with pytest.raises(Refused) as refusal:
        instalment_release(allocation_code=codes[0], gpu_seconds=31, key="r2", actor=None)
    assert refusal.value.figures == {"wanted": 31, "withheld": 30}
    for _ in range(2):
        instalment_release(allocation_code=codes[0], key="r3", actor=None)
    assert (balances(codes[0]).available, withheld_of(codes)[codes[0]]) == (35, 0)
