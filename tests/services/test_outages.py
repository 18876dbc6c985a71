"""Outages and reserves: who records them, what they take from capacity, what they may not hide."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from datacenters.models import Capacity, Outage, Resource
from datacenters.outages import effective, merged
from datacenters.selectors import outage_seconds
from datacenters.services import capacity_set, outage_correct, outage_end, outage_record, outage_withdraw
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import AuditRow, OutboxRow
from tests.cast import Cast, site

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def planned(cast: Cast, *, begins: timedelta = HOUR, lasts: timedelta = 10 * HOUR, **fields) -> Outage:
    start = clock.now() + begins
    given = {"kind": "planned", "cause": "maintenance", "starts_at": start, "ends_at": start + lasts}
    return outage_record(actor=cast.site_manager, site=cast.site, **{**given, **fields})


def seconds(cast: Cast) -> int:
    now = clock.now()
    return outage_seconds(cast.resource, now - timedelta(days=30), now + timedelta(days=30))


def test_recorded_told_and_audited(cast: Cast) -> None:
    outage = planned(cast, note="New UPS")
    row = AuditRow.objects.get(action="outage_record")
    assert (row.object_code, row.after["site"], row.actor) == (outage.code, "ned", cast.site_manager.code)
    assert OutboxRow.objects.get(topic="outage_changed").payload == {
        "outage": outage.code,
        "event": "recorded",
    }
    assert outage.state == Outage.State.COMING


@pytest.mark.parametrize("who", ["pi", "council", "reviewer", "auditor", "outsider"])
def test_only_who_runs_the_site_records(cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        outage_record(
            actor=getattr(cast, who), site=cast.site, kind="unplanned", cause="power", starts_at=clock.now()
        )
    assert not Outage.objects.exists()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("ends_at", {"ends_at": None}),
        ("ends_at", {"lasts": -HOUR}),
        ("starts_at", {"lasts": timedelta(days=400)}),
        ("kind", {"kind": "unplanned"}),
        ("kind", {"kind": "holiday"}),
        ("cause", {"cause": "ghosts"}),
    ],
)
def test_what_cant_be_right_names_its_field(cast: Cast, field: str, changes: dict) -> None:
    with pytest.raises(InvalidInput) as refusal:
        planned(cast, **changes)
    assert refusal.value.field == field


def test_a_part_is_of_the_same_site(cast: Cast) -> None:
    other = site("uet")
    for field, part in (("resource", other), ("cluster", other.cluster)):
        with pytest.raises(InvalidInput) as refusal:
            planned(cast, **{field: part})
        assert refusal.value.field == field


def test_outages_that_overlap_count_once(cast: Cast) -> None:
    planned(cast)
    planned(cast, begins=6 * HOUR, resource=cast.resource)
    planned(cast, begins=2 * HOUR, lasts=HOUR, cluster=cast.cluster)
    assert seconds(cast) == 15 * 3600
    elsewhere = Resource.objects.create(code="ned-a100", site=cast.site, name="A", gpu_model="A", gpu_count=8)
    now = clock.now()
    assert outage_seconds(elsewhere, now, now + 30 * HOUR) == 10 * 3600  # only the whole site's


def test_an_open_outage_lasts_until_now(cast: Cast) -> None:
    outage = outage_record(
        actor=cast.admin, site=cast.site, kind="unplanned", cause="power", starts_at=clock.now() - 5 * HOUR
    )
    assert seconds(cast) == pytest.approx(5 * 3600, abs=60)
    outage_end(actor=cast.site_manager, outage=outage, ends_at=clock.now() - 2 * HOUR)
    assert seconds(cast) == pytest.approx(3 * 3600, abs=60)
    with pytest.raises(IllegalState):
        outage_end(actor=cast.site_manager, outage=outage)


def test_a_withdrawn_one_counts_no_longer_and_stays(cast: Cast) -> None:
    outage = planned(cast)
    with pytest.raises(InvalidInput):
        outage_withdraw(actor=cast.admin, outage=outage, reason=" ")
    outage_withdraw(actor=cast.admin, outage=outage, reason="Postponed")
    assert seconds(cast) == 0
    with pytest.raises(IllegalState):
        outage_correct(
            actor=cast.admin, outage=outage, reason="No", starts_at=outage.starts_at, ends_at=outage.ends_at
        )
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM datacenters_outage")
    assert Outage.objects.get().state == Outage.State.WITHDRAWN


def test_capacity_is_less_by_outages_and_reserve(cast: Cast) -> None:
    quarter = Quarter.of(clock.today()).next
    capacity_set(
        actor=cast.site_manager,
        resource=cast.resource,
        quarter=quarter,
        gpu_seconds=quarter.days * 86_400,
        reserve_percent=10,
        reason="UPS",
    )
    start = clock.midnight(quarter.first_day)
    outage_record(
        actor=cast.site_manager,
        site=cast.site,
        kind="planned",
        cause="power",
        starts_at=start - 12 * HOUR,  # half of it in the quarter before
        ends_at=start + 12 * HOUR,
    )
    left = effective(Capacity.objects.get(resource=cast.resource, quarter=str(quarter)))
    assert left.lost == 12 * 3600
    assert left.reserve == -(-(quarter.days * 86_400 - 12 * 3600) // 10)
    assert left.awardable == left.planned - left.lost - left.reserve
    with pytest.raises(InvalidInput) as refusal:
        capacity_set(
            actor=cast.admin,
            resource=cast.resource,
            quarter=quarter,
            gpu_seconds=1,
            reserve_percent=95,
            reason="x",
        )
    assert refusal.value.field == "reserve_percent"


def test_merging() -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    hours = [day + number * HOUR for number in range(8)]
    assert merged(
        [(hours[3], hours[5]), (hours[0], hours[1]), (hours[4], hours[4]), (hours[1], hours[2])]
    ) == [
        (hours[0], hours[2]),
        (hours[3], hours[5]),
    ]
    assert merged([(hours[0], hours[7]), (hours[2], hours[3])]) == [(hours[0], hours[7])]
