"""More, longer, move, give back: what a rule grants, what people decide, and what the ledger then says."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.formats import date_format

from allocations.awards.models import Allocation, Award
from allocations.awards.quotas.services import quota_set
from allocations.awards.services import allocation_expire, allocation_revoke
from allocations.ledger.selectors import balances, withheld_of
from allocations.ledger.services import charge_post, hold_place
from allocations.ledger.verification import first_discrepancy
from allocations.lifecycle import services
from allocations.lifecycle.models import ChangeKind, ChangeRequest
from allocations.programme.services import request_submit
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused
from portal.foundation.models import AuditRow
from portal.notices.models import Notice
from tests.cast import Cast, site
from tests.lifecycling import (
    NOW,
    adds_up,
    allocated,
    ask,
    bridge_told,
    decider,
    free,
    in_quarter,
    strict_track,
)
from tests.requesting import HOUR, asked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def books_add_up(db: None):
    yield
    assert first_discrepancy() is None


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    return allocated(cast)


def decide(who: Any, change: ChangeRequest, outcome: str = "approved", reason: str = "") -> ChangeRequest:
    return services.change_decide(actor=who, change=change, outcome=outcome, reason=reason)


def test_a_quarter_more_is_granted_at_once(cast: Cast, allocation: Allocation) -> None:
    told = bridge_told(allocation)
    change = ask(cast, allocation, "more", gpu_seconds=100 * HOUR)
    assert (change.kind, change.state, change.persons) == ("supplement", "approved", 0)
    assert balances(allocation.code).available == 500 * HOUR
    assert bridge_told(allocation) == told + 1
    assert change.decisions.get().decided_by is None
    assert Award.objects.filter(allocation=allocation, decided_by=None, gpu_seconds=100 * HOUR).exists()
    row = AuditRow.objects.get(action="allocation_supplement")
    assert (row.before, row.after) == ({"gpu_seconds": 400 * HOUR}, {"gpu_seconds": 500 * HOUR})
    assert Notice.objects.filter(kind="allocation_raise").exists()
    adds_up(allocation)


def test_a_rule_grants_a_quarter_in_all_not_each_time(cast: Cast, allocation: Allocation) -> None:
    ask(cast, allocation, "more", gpu_seconds=60 * HOUR)
    second = ask(cast, allocation, "more", gpu_seconds=60 * HOUR)
    assert (second.state, second.persons) == ("requested", 1)
    assert "25" in second.beyond_rule
    assert balances(allocation.code).available == 460 * HOUR


def test_a_rule_grants_no_more_than_explore(cast: Cast) -> None:
    change = ask(cast, allocated(cast, 4000), "more", gpu_seconds=201 * HOUR)
    assert change.state == "requested"
    assert "200" in change.beyond_rule


def test_what_was_moved_here_raises_no_bound(cast: Cast, allocation: Allocation) -> None:
    elsewhere = site("uet")
    for giver in (allocated(cast, 1_000), allocated(cast, 1_000, resource=elsewhere)):
        change = ask(cast, giver, "move", gpu_seconds=900 * HOUR, target=allocation)
        if change.state == "requested":
            decide(cast.council, change)
    assert balances(allocation.code).available == 2_200 * HOUR
    change = ask(cast, allocation, "more", gpu_seconds=101 * HOUR)
    assert change.state == "requested"
    assert "25" in change.beyond_rule
    assert "100" in change.beyond_rule


def test_supplements_and_small_requests_share_the_organisations_bound(
    cast: Cast, allocation: Allocation
) -> None:
    """A thousand GPU-hours a quarter by rule, whichever rule it is."""
    for each in (allocation, *(allocated(cast, 800) for _ in range(4))):
        share = 100 if each == allocation else 200
        assert ask(cast, each, "more", gpu_seconds=share * HOUR).state == "approved"
    request = request_submit(actor=cast.pi, request=asked(cast, 101))
    assert request.state == "submitted"
    assert "900" in request.steps.get(kind="decision").note
    change = ask(cast, allocated(cast, 800), "more", gpu_seconds=101 * HOUR)
    assert change.state == "requested"
    assert "900" in change.beyond_rule
    assert request_submit(actor=cast.pi, request=asked(cast, 100)).state == "approved"


def test_a_supplement_stays_within_its_track(cast: Cast) -> None:
    allocation = allocated(cast, 400, track=strict_track(max_gpu_seconds=500 * HOUR))
    with pytest.raises(Refused) as refusal:
        ask(cast, allocation, "more", gpu_seconds=101 * HOUR)
    assert (refusal.value.code, refusal.value.field) == ("beyond_track", "gpu_hours")
    assert refusal.value.figures["most"] == 100 * HOUR
    ask(cast, allocation, "give_back", gpu_seconds=400 * HOUR)
    with pytest.raises(Refused):  # what was given back was awarded all the same
        ask(cast, allocation, "more", gpu_seconds=101 * HOUR)
    assert ask(cast, allocation, "more", gpu_seconds=100 * HOUR).state == "approved"
    assert services.room_for_more(allocation) == 0


def test_what_isnt_free_waits_for_people(cast: Cast, allocation: Allocation) -> None:
    allocated(cast, 9_600)
    change = ask(cast, allocation, "more", gpu_seconds=50 * HOUR)
    assert change.state == "requested"
    with pytest.raises(Refused) as refusal:
        decide(cast.council, change)
    assert refusal.value.code == "over_capacity"
    change.refresh_from_db()
    assert (change.state, change.decisions.count()) == ("requested", 0)


def test_people_decide_about_more(cast: Cast, allocation: Allocation) -> None:
    change = ask(cast, allocation, "more", gpu_seconds=300 * HOUR)
    assert {notice.user for notice in Notice.objects.filter(kind="change_requested")} == {
        cast.admin,
        cast.council,
    }
    assert balances(allocation.code).available == 400 * HOUR
    change = decide(cast.admin, change)
    assert change.state == "approved"
    assert balances(allocation.code).available == 700 * HOUR
    with pytest.raises(IllegalState):
        decide(decider("late"), change)


def test_two_persons_where_the_size_asks_for_two(cast: Cast) -> None:
    big = site("big", gpus=500, hours_a_quarter=100_000)
    allocation = allocated(cast, 49_900, resource=big)
    change = ask(cast, allocation, "more", gpu_seconds=10_000 * HOUR)
    assert change.persons == 2
    change = decide(cast.admin, change)
    assert change.state == "requested"
    with pytest.raises(NotAllowed):
        decide(cast.admin, change)
    assert balances(allocation.code).available == 49_900 * HOUR
    assert decide(cast.council, change).state == "approved"
    assert balances(allocation.code).available == 59_900 * HOUR


def test_a_decline_needs_a_reason_and_is_told(cast: Cast, allocation: Allocation) -> None:
    change = ask(cast, allocation, "more", gpu_seconds=300 * HOUR)
    with pytest.raises(InvalidInput):
        decide(cast.admin, change, "declined")
    assert decide(cast.admin, change, "declined", "Not now.").state == "declined"
    assert balances(allocation.code).available == 400 * HOUR
    assert {notice.user for notice in Notice.objects.filter(kind="change_declined")} == {cast.pi, cast.member}


def test_a_longer_period_moves_what_is_unused(cast: Cast, allocation: Allocation) -> None:
    charge_post(allocation_code=allocation.code, run_key="run", gpu_seconds=100 * HOUR, key="c")
    before, standing = free(cast.resource), balances(allocation.code)
    change = ask(cast, allocation, "longer", ends_on=in_quarter(19))
    assert (change.state, change.persons) == ("approved", 0)
    allocation.refresh_from_db()
    assert allocation.ends_on == in_quarter(19)
    after = free(cast.resource)
    moved = after[0] - before[0]
    left = (NOW.last_day - clock.today()).days + 1
    assert moved == before[1] - after[1] > 0
    assert abs(moved - 300 * HOUR * 20 // (left + 20)) <= 1
    assert balances(allocation.code) == standing
    adds_up(allocation)


def test_a_rule_gives_thirty_days_in_all(cast: Cast, allocation: Allocation) -> None:
    assert ask(cast, allocation, "longer", ends_on=in_quarter(19)).state == "approved"
    second = ask(cast, allocation, "longer", ends_on=in_quarter(30))
    assert second.state == "requested"
    decide(cast.admin, second)
    allocation.refresh_from_db()
    assert allocation.ends_on == in_quarter(30)


def test_a_longer_period_needs_room_in_later_quarters(cast: Cast, allocation: Allocation) -> None:
    allocated(cast, 10_000, starts_on=in_quarter(), ends_on=NOW.next.last_day)
    change = ask(cast, allocation, "longer", ends_on=in_quarter(19))
    assert change.state == "requested"
    with pytest.raises(Refused):
        decide(cast.admin, change)
    allocation.refresh_from_db()
    assert allocation.ends_on == NOW.last_day


@pytest.mark.parametrize("days", [0, -1, 400])
def test_a_day_that_cant_be(cast: Cast, allocation: Allocation, days: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        ask(cast, allocation, "longer", ends_on=allocation.ends_on + timedelta(days=days))
    assert refusal.value.field == "ends_on"


def test_a_renewal_is_a_new_request(cast: Cast, allocation: Allocation) -> None:
    request = services.renewal_begin(
        actor=cast.pi,
        allocation=allocation,
        gpu_seconds=500 * HOUR,
        ends_on=in_quarter(60),
        reason="The second phase.",
    )
    assert (request.state, request.renews) == ("draft", allocation)
    assert request.starts_on == allocation.ends_on + timedelta(days=1)
    assert request.lines.get().resource == allocation.resource
    assert not ChangeRequest.objects.exists()


def test_move_on_the_same_resource_is_done_at_once(cast: Cast, allocation: Allocation) -> None:
    other = allocated(cast, 100)
    before, told = free(cast.resource), bridge_told(other)
    change = ask(cast, allocation, "move", gpu_seconds=150 * HOUR, target=other)
    assert change.state == "approved"
    assert free(cast.resource) == before
    assert balances(allocation.code).available == 250 * HOUR
    assert balances(other.code).available == 250 * HOUR
    assert bridge_told(other) == told + 1
    adds_up(allocation, other)


def test_a_move_that_makes_hours_last_longer_is_decided(cast: Cast, allocation: Allocation) -> None:
    later = allocated(cast, 100, ends_on=in_quarter(40))
    before = free(cast.resource)
    change = ask(cast, allocation, "move", gpu_seconds=150 * HOUR, target=later)
    assert (change.state, change.persons) == ("requested", 1)
    assert balances(later.code).available == 100 * HOUR
    assert date_format(later.ends_on, "j M Y") in change.beyond_rule
    decide(cast.council, change)
    assert balances(later.code).available == 250 * HOUR
    after = free(cast.resource)
    # Like an extension it takes of the later quarter what it can use there, and gives the earlier one back.
    assert after[0] - before[0] == before[1] - after[1] > 0
    adds_up(allocation, later)


def test_as_many_persons_as_the_larger_allocation_asks_for(cast: Cast, allocation: Allocation) -> None:
    big = site("big", gpus=500, hours_a_quarter=100_000)
    target = allocated(cast, 49_900, resource=big)
    assert ask(cast, allocation, "move", gpu_seconds=101 * HOUR, target=target).persons == 2
    assert ask(cast, target, "move", gpu_seconds=101 * HOUR, target=allocation).persons == 1


def test_a_move_backwards_is_done_at_once(cast: Cast, allocation: Allocation) -> None:
    later = allocated(cast, 100, ends_on=in_quarter(40))
    assert ask(cast, later, "move", gpu_seconds=50 * HOUR, target=allocation).state == "approved"
    assert balances(allocation.code).available == 450 * HOUR
    adds_up(allocation, later)


def test_a_longer_period_keeps_to_the_quotas_of_the_quarters_it_gains(
    cast: Cast, allocation: Allocation
) -> None:
    cap = quota_set(
        actor=cast.admin,
        kind="cap",
        dimension="organisation",
        value=cast.organisation.code,
        gpu_seconds=HOUR,
        from_quarter=str(NOW.next),
        enforced=True,
        reason="So.",
    )
    change = ask(cast, allocation, "longer", ends_on=in_quarter(19))
    assert change.state == "requested"
    assert str(NOW.next) in change.beyond_rule
    with pytest.raises(Refused) as refusal:
        decide(cast.admin, change)
    assert (refusal.value.code, refusal.value.figures["quota"]) == ("over_quota", cap.code)
    allocation.refresh_from_db()
    assert allocation.ends_on == NOW.last_day


def test_move_to_another_resource_is_decided(cast: Cast, allocation: Allocation) -> None:
    elsewhere = site("uet")
    other = allocated(cast, 100, resource=elsewhere)
    here, there = free(cast.resource), free(elsewhere)
    change = ask(cast, allocation, "move", gpu_seconds=150 * HOUR, target=other)
    assert (change.state, change.persons) == ("requested", 1)
    decide(cast.council, change)
    assert balances(allocation.code).available == 250 * HOUR
    assert balances(other.code).available == 250 * HOUR
    assert free(cast.resource)[0] == here[0] + 150 * HOUR
    assert free(elsewhere)[0] == there[0] - 150 * HOUR
    adds_up(allocation, other)


def test_nothing_moves_to_another_project(cast: Cast, allocation: Allocation) -> None:
    with pytest.raises(InvalidInput) as refusal:
        ask(cast, allocation, "move", gpu_seconds=HOUR, target=allocation)
    assert refusal.value.field == "target"
    with pytest.raises(InvalidInput):
        ask(cast, allocation, "move", gpu_seconds=HOUR)


def test_given_back_others_can_have_it_at_once(cast: Cast, allocation: Allocation) -> None:
    before = free(cast.resource)[0]
    hold_place(allocation_code=allocation.code, job_code="job", gpu_seconds=100 * HOUR, key="h")
    with pytest.raises(Refused) as refusal:
        ask(cast, allocation, "give_back", gpu_seconds=301 * HOUR)
    assert refusal.value.figures == {"wanted": 301 * HOUR, "available": 300 * HOUR}
    change = ask(cast, allocation, "give_back", gpu_seconds=300 * HOUR)
    assert (change.kind, change.state) == ("give_back", "done")
    assert free(cast.resource)[0] == before + 300 * HOUR
    assert balances(allocation.code).returned == 300 * HOUR
    adds_up(allocation)


def test_an_advance_is_what_waits_for_a_report(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(first_instalment_percent=50))
    assert withheld_of([allocation.code])[allocation.code] == 200 * HOUR
    change = ask(cast, allocation, "more", gpu_seconds=80 * HOUR)
    assert (change.kind, change.state) == (ChangeKind.ADVANCE, "requested")
    decide(cast.council, change)
    assert balances(allocation.code).available == 280 * HOUR
    assert withheld_of([allocation.code])[allocation.code] == 120 * HOUR
    adds_up(allocation)


def test_what_waits_for_a_report_goes_back_at_the_end(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(first_instalment_percent=50))
    before = free(cast.resource)[0]
    allocation_revoke(actor=cast.admin, allocation=allocation, reason="So.")
    assert free(cast.resource)[0] == before + 400 * HOUR
    assert withheld_of([allocation.code])[allocation.code] == 0
    adds_up(allocation)


def test_one_open_change_of_a_kind(cast: Cast, allocation: Allocation) -> None:
    change = ask(cast, allocation, "more", gpu_seconds=300 * HOUR)
    with pytest.raises(IllegalState):
        ask(cast, allocation, "more", gpu_seconds=300 * HOUR)
    assert services.change_withdraw(actor=cast.pi, change=change).state == "withdrawn"
    assert ask(cast, allocation, "more", gpu_seconds=300 * HOUR).state == "requested"


def test_after_the_end_nothing_is_asked_and_what_waits_lapses(cast: Cast, allocation: Allocation) -> None:
    change = ask(cast, allocation, "more", gpu_seconds=300 * HOUR)
    yesterday = clock.today() - timedelta(days=1)
    Allocation.objects.filter(pk=allocation.pk).update(starts_on=yesterday, ends_on=yesterday)
    with pytest.raises(IllegalState):
        ask(cast, allocation, "give_back", gpu_seconds=HOUR)
    with pytest.raises(IllegalState):
        decide(cast.admin, change)
    allocation_expire(allocation=allocation)
    assert services.changes_lapse() == 1
    assert services.changes_lapse() == 0
    change.refresh_from_db()
    assert change.state == "lapsed"


@pytest.mark.parametrize(
    ("verb", "fields", "field"),
    [
        ("more", {}, "gpu_hours"),
        ("more", {"gpu_seconds": -1}, "gpu_hours"),
        ("more", {"gpu_seconds": HOUR, "reason": " "}, "reason"),
        ("longer", {}, "ends_on"),
    ],
)
def test_bad_input_is_named(
    cast: Cast, allocation: Allocation, verb: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        ask(cast, allocation, verb, **fields)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "who", ["member", "colleague", "reviewer", "site_manager", "council", "admin", "auditor", "outsider"]
)
def test_only_who_leads_asks(cast: Cast, allocation: Allocation, who: str) -> None:
    with pytest.raises(NotAllowed):
        ask(cast, allocation, "give_back", gpu_seconds=HOUR, actor=getattr(cast, who))
