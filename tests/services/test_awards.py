"""Allocations after their award: who may do what, what the ledger and the bridge are told."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from allocations.awards import selectors, services
from allocations.awards.capacity import forecast, most_that_fits, portions
from allocations.awards.models import Allocation
from allocations.awards.services import allocations
from allocations.ledger.policies import visible_codes
from allocations.ledger.selectors import balances, pool_free
from allocations.ledger.services import hold_place, hold_release
from datacenters.models import Capacity
from portal.foundation import clock
from portal.foundation.clock import Quarter, quarters_between
from portal.foundation.errors import DomainError, IllegalState, InvalidInput, NotAllowed, SecondFactorNeeded
from portal.foundation.models import AuditRow, OutboxRow
from portal.foundation.services import outbox
from portal.people.models import Membership
from tests.cast import Cast
from tests.requesting import HOUR, approved, fund

pytestmark = pytest.mark.django_db

STEPS = {
    "suspend": services.allocation_suspend,
    "resume": services.allocation_resume,
    "revoke": services.allocation_revoke,
}
MADE_FROM = {
    "provisioning": [],
    "active": ["activate"],
    "suspended": ["activate", "suspend"],
    "revoked": ["revoke"],
    "expired": ["expire"],
    "closed": ["revoke", "close"],
}
ROLES = [
    "pi",
    "member",
    "colleague",
    "reviewer",
    "site_manager",
    "council",
    "admin",
    "auditor",
    "outsider",
]
MAY = {"site_manager", "admin"}
HIDDEN = {"colleague", "outsider", "reviewer"}
FROM = {"suspend": {"active"}, "resume": {"suspended"}, "revoke": {"provisioning", "active", "suspended"}}


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    fund(cast.resource)
    return make(cast)


def make(cast: Cast, state: str = "provisioning") -> Allocation:
    decision = approved(cast).decisions.get()
    allocation = decision.lines.get().award.allocation
    for step in MADE_FROM[state]:
        if step == "activate":
            services.allocation_activate(allocation=allocation)
        elif step == "expire":
            end(allocation)
            services.allocation_expire(allocation=allocation)
        elif step == "close":
            services.allocation_close(allocation=allocation)
        else:
            STEPS[step](actor=cast.admin, allocation=allocation, reason="So.")
    allocation.refresh_from_db()
    return allocation


def end(allocation: Allocation) -> None:
    """Let its last day be yesterday."""
    yesterday = clock.today() - timedelta(days=1)
    Allocation.objects.filter(pk=allocation.pk).update(starts_on=yesterday, ends_on=yesterday)


def bridge_told(allocation: Allocation) -> int:
    return OutboxRow.objects.filter(topic="allocation_provision", key=allocation.code).count()


def test_activate_once_the_limits_were_read_back(allocation: Allocation) -> None:
    active = services.allocation_activate(allocation=allocation)
    assert active.state == "active"
    assert active.activated_at is not None
    again = services.allocation_activate(allocation=allocation)
    assert again.activated_at == active.activated_at
    assert AuditRow.objects.filter(action="allocation_activate").count() == 1
    assert bridge_told(allocation) == 1  # by the award; nothing is left to do now


def test_activating_revives_nothing(cast: Cast, allocation: Allocation) -> None:
    services.allocation_revoke(actor=cast.admin, allocation=allocation, reason="Misuse.")
    assert services.allocation_activate(allocation=allocation).state == "revoked"


def test_suspend_and_resume(cast: Cast, allocation: Allocation) -> None:
    services.allocation_activate(allocation=allocation)
    services.allocation_suspend(actor=cast.site_manager, allocation=allocation, reason="Cooling fails.")
    row = AuditRow.objects.get(action="allocation_suspend")
    assert (row.before, row.after, row.reason) == (
        {"state": "active"},
        {"state": "suspended"},
        "Cooling fails.",
    )
    services.allocation_resume(actor=cast.site_manager, allocation=allocation, reason="Mended.")
    allocation.refresh_from_db()
    assert allocation.state == "active"
    assert bridge_told(allocation) == 3


def test_revoke_returns_what_is_available(cast: Cast, allocation: Allocation) -> None:
    services.allocation_activate(allocation=allocation)
    hold_place(allocation_code=allocation.code, job_code="job-1", gpu_seconds=10 * HOUR, key="hold")
    services.allocation_revoke(actor=cast.admin, allocation=allocation, reason="Misuse.")
    standing = balances(allocation.code)
    assert (standing.returned, standing.held, standing.available) == (90 * HOUR, 10 * HOUR, 0)


@pytest.mark.parametrize("action", STEPS)
def test_a_reason_is_needed(cast: Cast, action: str, allocation: Allocation) -> None:
    target = make(cast, "suspended" if action == "resume" else "active")
    with pytest.raises(InvalidInput) as refusal:
        STEPS[action](actor=cast.admin, allocation=target, reason="  ")
    assert refusal.value.field == "reason"


def test_a_second_factor_is_needed(cast: Cast, allocation: Allocation, settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    with pytest.raises(SecondFactorNeeded):
        services.allocation_revoke(actor=cast.admin, allocation=allocation, reason="Misuse.")


@pytest.mark.parametrize("who", ["site_manager", "admin"])
def test_not_ones_own(cast: Cast, allocation: Allocation, who: str) -> None:
    Membership.objects.create(organisation=cast.organisation, user=getattr(cast, who))
    with pytest.raises(NotAllowed):
        services.allocation_revoke(actor=getattr(cast, who), allocation=allocation, reason="Mine.")


@pytest.mark.parametrize("channel", ["service", "page", "api"])
@pytest.mark.parametrize("action", STEPS)
@pytest.mark.parametrize("state", MADE_FROM)
def test_who_may_do_what_when(cast: Cast, web: Any, api: Any, channel: str, action: str, state: str) -> None:
    fund(cast.resource)

    def attempt(role: str, target: Allocation) -> str:
        user, body = getattr(cast, role), {"reason": "So."}
        if channel == "page":
            reply = web(user).post(f"/allocations/{target.code}/{action}/", body)
        elif channel == "api":
            reply = api(user).post(f"/api/v1/allocations/{target.code}/{action}/", body, format="json")
        else:
            try:
                STEPS[action](actor=user, allocation=target, reason="So.")
            except NotAllowed:
                return "not allowed"
            except IllegalState:
                return "illegal state"
            return "done"
        return {200: "done", 302: "done", 403: "not allowed", 404: "not found", 409: "illegal state"}[
            reply.status_code
        ]

    def expected(role: str) -> str:
        if role in HIDDEN and channel != "service":
            return "not found"
        if role not in MAY:
            return "not allowed"
        return "done" if state in FROM[action] else "illegal state"

    wanted = {role: expected(role) for role in ROLES}
    shared = make(cast, state)
    got = {role: attempt(role, make(cast, state) if wanted[role] == "done" else shared) for role in ROLES}
    assert got == wanted


# --- The end ----------------------------------------------------------------------------------------
def test_expire_returns_the_rest_and_closes_when_nothing_is_held(allocation: Allocation) -> None:
    services.allocation_activate(allocation=allocation)
    with pytest.raises(IllegalState):
        services.allocation_expire(allocation=allocation)
    hold_place(allocation_code=allocation.code, job_code="job-1", gpu_seconds=HOUR, key="hold")
    end(allocation)
    call_command("allocations_expire")
    allocation.refresh_from_db()
    assert allocation.state == "expired"
    assert balances(allocation.code).returned == 99 * HOUR
    hold_release(job_code="job-1", key="release")
    assert services.allocations_sweep() == {"expired": 0, "closed": 1}
    assert services.allocations_sweep() == {"expired": 0, "closed": 0}
    standing = balances(allocation.code)
    assert (standing.available, standing.returned) == (0, 100 * HOUR), "also what the last job left over"


def test_the_pool_gets_it_back(cast: Cast, allocation: Allocation) -> None:
    quarters = quarters_between(allocation.starts_on, allocation.ends_on)
    before = sum(pool_free(cast.resource, quarters).values())
    end(allocation)
    services.allocation_expire(allocation=allocation)
    assert sum(pool_free(cast.resource, quarters).values()) == before + 100 * HOUR


def test_one_that_cant_be_swept_keeps_no_other_waiting(
    cast: Cast, allocation: Allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make(cast)
    for ended in (allocation, other):
        end(ended)
    plain = allocations._return_rest

    def fails_for_one(target: Allocation, *args: Any, **kwargs: Any) -> None:
        if target.pk == allocation.pk:
            raise DomainError("Broken.")
        plain(target, *args, **kwargs)

    monkeypatch.setattr(allocations, "_return_rest", fails_for_one)
    assert services.allocations_sweep() == {"expired": 1, "closed": 1}
    other.refresh_from_db()
    allocation.refresh_from_db()
    assert (allocation.state, other.state) == ("provisioning", "closed")


# --- Capacity ---------------------------------------------------------------------------------------
def test_planned_capacity_reaches_the_ledger(cast: Cast) -> None:
    quarter = Quarter.of(clock.today())
    row = Capacity.objects.get(resource=cast.resource, quarter=str(quarter))
    for hours in (10_000, 12_000, 8_000, 12_000):
        row.gpu_seconds = hours * HOUR
        row.save()
        outbox_row = {"resource": cast.resource.code, "quarter": str(quarter)}
        for _time in range(2):  # at least once
            for handler in outbox._handlers["capacity_changed"]:
                handler(outbox_row)
        assert pool_free(cast.resource, [quarter]) == {quarter: hours * HOUR}


def test_portions_add_up_by_days() -> None:
    first = Quarter(2027, 1)
    whole = portions(gpu_seconds=181, starts_on=first.first_day, ends_on=first.next.last_day)
    assert whole == {first: 90, first.next: 91}
    tiny = portions(gpu_seconds=1, starts_on=first.first_day, ends_on=first.next.last_day)
    assert tiny == {first.next: 1}


@pytest.mark.parametrize("days", [1, 9, 40, 91, 200, 365])
def test_the_most_that_fits_fits_and_no_more(cast: Cast, days: int) -> None:
    fund(cast.resource)
    period = {"starts_on": clock.today(), "ends_on": clock.today() + timedelta(days=days - 1)}
    figures = forecast(resource=cast.resource, gpu_seconds=1, **period)
    most = most_that_fits(figures, **period)
    free = {line.quarter: line.free for line in figures}

    def fits(gpu_seconds: int) -> bool:
        spread = portions(gpu_seconds=gpu_seconds, **period)
        return all(amount <= free[quarter] for quarter, amount in spread.items())

    assert fits(most)
    assert not any(fits(most + more) for more in range(1, 400))


# --- Who sees what ----------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ROLES)
def test_visibility_here_and_in_the_ledger(cast: Cast, allocation: Allocation, who: str) -> None:
    user = getattr(cast, who)
    sees = who not in HIDDEN
    assert (allocation in selectors.visible_to(user)) is sees
    assert (allocation.code in list(visible_codes(user).values_list("code", flat=True))) is sees
