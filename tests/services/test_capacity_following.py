"""The pools follow what is planned, what outages take and what lapses; what is awarded isn't hidden."""

from datetime import timedelta

import pytest

from allocations.awards.models import Allocation
from allocations.awards.services import award_make, capacities_follow, capacities_lapse, capacity_post
from allocations.ledger.models import LedgerAccount, Posting
from allocations.ledger.selectors import pool_free
from allocations.ledger.services.verifying import ledger_verify
from allocations.ledger.verification import Discrepancy
from datacenters.models import Capacity
from datacenters.services import capacity_set, outage_record, outage_withdraw
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import Refused
from portal.foundation.services import outbox
from portal.notices.models import Notice
from tests.cast import Cast
from tests.requesting import HOUR, fund

pytestmark = pytest.mark.django_db
NEXT = Quarter.of(clock.today()).next
DAY = timedelta(days=1)


@pytest.fixture
def funded(cast: Cast) -> Cast:
    fund(cast.resource)
    return cast


def free(cast: Cast) -> int:
    return pool_free(cast.resource, [NEXT])[NEXT]


def outage(cast: Cast, days: int):
    start = clock.midnight(NEXT.first_day)
    made = outage_record(
        actor=cast.site_manager,
        site=cast.site,
        kind="planned",
        cause="maintenance",
        starts_at=start,
        ends_at=start + days * DAY,
    )
    outbox.drain()
    return made


def award(cast: Cast, hours: int) -> Allocation:
    """Of the next quarter."""
    return award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=hours * HOUR,
        starts_on=NEXT.first_day,
        ends_on=NEXT.last_day,
    ).allocation


def test_an_outage_takes_its_part_and_gives_it_back(funded: Cast) -> None:
    whole = free(funded)
    made = outage(funded, 9)
    assert free(funded) == whole - -(-whole * 9 // NEXT.days)
    outage_withdraw(actor=funded.admin, outage=made, reason="Postponed")
    outbox.drain()
    assert free(funded) == whole


def test_where_awards_took_more_that_is_shown(funded: Cast, web) -> None:
    award(funded, 9_500)
    outage(funded, 20)
    assert free(funded) == 0
    lacking = capacity_post(resource=funded.resource, quarter=NEXT)
    assert lacking == 9_500 * HOUR - (10_000 * HOUR - -(-10_000 * HOUR * 20 // NEXT.days))
    page = web(None).get(funded.resource.get_absolute_url()).content.decode()
    assert "Overcommitted" in page
    with pytest.raises(Refused):
        award(funded, 1)


def test_members_of_active_allocations_are_told(funded: Cast) -> None:
    made = award(funded, 10)
    outage(funded, 1)
    assert not Notice.objects.filter(kind="outage_recorded").exists()
    Allocation.objects.filter(pk=made.pk).update(state="active")
    outage(funded, 2)
    told = {notice.user for notice in Notice.objects.filter(kind="outage_recorded")}
    assert told == {funded.pi, funded.member}


def test_less_than_is_awarded_is_refused_at_once(funded: Cast, web) -> None:
    award(funded, 5_000)
    with pytest.raises(Refused) as refusal:
        capacity_set(
            actor=funded.admin,
            resource=funded.resource,
            quarter=NEXT,
            gpu_seconds=4_999 * HOUR,
            reason="Less",
        )
    assert (refusal.value.code, refusal.value.field) == ("capacity_in_use", "gpu_hours")
    assert refusal.value.figures["awarded"] == 5_000 * HOUR
    page = web(funded.site_manager).post(
        f"/resources/{funded.resource.code}/capacity/",
        {"quarter": str(NEXT), "gpu_hours": "10000", "reserve_percent": "60", "reason": "Reserve"},
    )
    assert page.status_code == 422
    assert Capacity.objects.get(resource=funded.resource, quarter=str(NEXT)).reserve_percent == 0
    capacity_set(
        actor=funded.admin, resource=funded.resource, quarter=NEXT, gpu_seconds=5_000 * HOUR, reason="Enough"
    )
    outbox.drain()
    assert free(funded) == 0


def test_the_same_again_posts_nothing(funded: Cast) -> None:
    before = Posting.objects.count()
    fund(funded.resource)
    assert Posting.objects.count() == before


def test_an_open_outage_takes_more_each_day(funded: Cast) -> None:
    now = Quarter.of(clock.today())
    whole = pool_free(funded.resource, [now])[now]
    assert capacities_follow() == 0
    outage_record(
        actor=funded.admin,
        site=funded.site,
        kind="unplanned",
        cause="power",
        starts_at=clock.now() - timedelta(hours=30),
    )
    assert capacities_follow() == 1
    assert pool_free(funded.resource, [now])[now] < whole


def test_a_past_quarters_rest_lapses_once(funded: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    assert capacities_lapse() == 0
    monkeypatch.setattr(clock, "today", lambda: NEXT.first_day)
    assert capacities_lapse() == 1
    assert capacities_lapse() == 0
    past = LedgerAccount.objects.get(resource=funded.resource, quarter=str(Quarter.of(NEXT.first_day - DAY)))
    assert past.balance == 0


def test_admins_are_told_when_the_ledger_disagrees(funded: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ledger_verify() == ""
    assert not Notice.objects.filter(kind="ledger_disagrees").exists()
    found = Discrepancy("A balance is the sum of its transfers", "ned-h100 pool", 1, 2)
    monkeypatch.setattr("allocations.ledger.services.verifying.first_discrepancy", lambda: found)
    assert "ned-h100 pool" in ledger_verify()
    assert [notice.user for notice in Notice.objects.filter(kind="ledger_disagrees")] == [funded.admin]
