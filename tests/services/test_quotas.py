"""Caps and floors: who sets them, what they come to, what they refuse, and what an override leaves behind."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from allocations.awards.models import Award
from allocations.awards.quotas import selectors
from allocations.awards.quotas.checks import require_within
from allocations.awards.quotas.lapses import standings
from allocations.awards.quotas.models import Quota
from allocations.awards.quotas.services import project_endorse, quota_change, quota_end, quota_set
from allocations.awards.services import allocation_adjust, award_make
from allocations.projects.models import Project
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused
from portal.foundation.models import AuditRow
from portal.people.models import Programme
from portal.people.services.programmes import endorsement_withdraw, organisation_endorse
from tests.cast import Cast, site
from tests.requesting import HOUR, fund

pytestmark = pytest.mark.django_db
NOW = Quarter.of(clock.today())
# Each quarter of the stage has 10,000 GPU-hours.
CAPACITY = 10_000 * HOUR


def quota(cast: Cast, **changes: Any) -> Quota:
    given = {
        "actor": cast.admin,
        "kind": "cap",
        "dimension": "class",
        "value": "academic",
        "percent": Decimal(10),
        "from_quarter": str(NOW),
        "reason": "Agreed in council",
    }
    return quota_set(**{**given, **changes})


def award(cast: Cast, gpu_hours: int, *, project: Project | None = None, **options: Any) -> Award:
    """For today alone, so that all of it is of this quarter."""
    today = clock.today()
    return award_make(
        actor=cast.council,
        project=project or cast.project,
        resource=cast.resource,
        gpu_seconds=gpu_hours * HOUR,
        starts_on=today,
        ends_on=today,
        **options,
    )


def other_project(cast: Cast) -> Project:
    """Of the startup."""
    return Project.objects.create(
        organisation=cast.other_organisation, title="Arms", abstract="A", sector=cast.project.sector
    )


@pytest.fixture
def funded(cast: Cast) -> Cast:
    fund(cast.resource)
    return cast


# --- Setting them -----------------------------------------------------------------------------------
def test_admins_set_them_and_the_audit_tells(cast: Cast) -> None:
    row = quota(cast)
    told = AuditRow.objects.get(action="quota_set")
    assert (told.object_code, told.after["percent"], told.reason) == (row.code, "10", "Agreed in council")
    assert row.enforced
    assert not quota(cast, kind="floor").enforced


@pytest.mark.parametrize("who", ["pi", "council", "reviewer", "auditor", "outsider", "site_manager"])
def test_others_dont(cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        quota(cast, actor=getattr(cast, who))
    assert not Quota.objects.exists()


def test_site_managers_set_their_own_sites(cast: Cast) -> None:
    quota(cast, actor=cast.site_manager, resource=cast.resource)
    with pytest.raises(NotAllowed):
        quota(cast, actor=cast.site_manager, resource=site("uet"))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("percent", {"percent": None}),
        ("percent", {"gpu_seconds": HOUR}),
        ("percent", {"percent": Decimal(101)}),
        ("kind", {"kind": "wish"}),
        ("dimension", {"dimension": "colour"}),
        ("value", {"value": "charity"}),
        ("value", {"dimension": "women_led"}),
        ("from_quarter", {"from_quarter": "2026-4"}),
        ("until_quarter", {"until_quarter": "2020Q1"}),
        ("reason", {"reason": " "}),
    ],
)
def test_what_cant_be_right_names_its_field(cast: Cast, field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        quota(cast, **changes)
    assert refusal.value.field == field


def test_two_for_one_group_and_quarter_are_refused(cast: Cast) -> None:
    first = quota(cast, until_quarter=str(NOW))
    with pytest.raises(IllegalState) as refusal:
        quota(cast)
    assert refusal.value.figures == {"quota": first.code}
    quota(cast, from_quarter=str(NOW.next))
    quota(cast, resource=cast.resource)


def test_a_change_ends_the_row_and_begins_another(cast: Cast) -> None:
    first = quota(cast)
    second = quota_change(
        actor=cast.admin,
        quota=first,
        percent=Decimal(20),
        from_quarter=str(NOW),
        enforced=True,
        reason="More",
    )
    first.refresh_from_db()
    assert (first.percent, first.ended_by, second.series) == (Decimal(10), cast.admin, first.series)
    assert list(selectors.history_of(second)) == [second, first]
    with pytest.raises(IllegalState):
        quota_end(actor=cast.admin, quota=first, reason="Too late")
    quota_end(actor=cast.admin, quota=second, reason="No need")
    assert not selectors.visible_to(cast.admin).exists()
    assert AuditRow.objects.get(action="quota_change").before["percent"] == "10.00"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE quotas_quota SET percent = 90",
        "UPDATE quotas_quota SET enforced = NOT enforced",
        "UPDATE quotas_quota SET ended_at = NULL, ended_by_id = NULL",
        "UPDATE quotas_quota SET ended_at = now(), value = 'startup'",
        "DELETE FROM quotas_quota",
        "TRUNCATE quotas_quota CASCADE",
    ],
)
def test_rows_are_frozen(cast: Cast, statement: str) -> None:
    quota(cast)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_ended_row_doesnt_come_back(cast: Cast) -> None:
    quota_end(actor=cast.admin, quota=quota(cast), reason="Over")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE quotas_quota SET ended_at = NULL, ended_by_id = NULL")


# --- Caps -------------------------------------------------------------------------------------------
def test_a_cap_is_never_exceeded(funded: Cast) -> None:
    cap = quota(funded)
    award(funded, 900)
    with pytest.raises(Refused) as refusal:
        award(funded, 101)
    assert refusal.value.code == "over_quota"
    assert refusal.value.figures == {
        "quota": cap.code,
        "quarter": str(NOW),
        "wanted": 101 * HOUR,
        "free": 100 * HOUR,
        "quotas": [cap.code],
    }
    assert refusal.value.remedy
    award(funded, 100)
    assert Award.objects.count() == 2
    award(funded, 500, project=other_project(funded))  # a startup is another group


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("sector", "health"), ("province", "sindh"), ("organisation", None), ("programme", None)],
)
def test_by_each_dimension(funded: Cast, dimension: str, value: str | None) -> None:
    if dimension == "organisation":
        value = funded.organisation.code
    if dimension == "programme":
        body = Programme.objects.create(kind="fund", name_en="Fund")
        organisation_endorse(actor=funded.admin, programme=body, organisation=funded.organisation)
        value = body.code
    quota(funded, dimension=dimension, value=value)
    with pytest.raises(Refused):
        award(funded, 1001)
    award(funded, 1000)


def test_women_led_counts_where_it_is_confirmed(funded: Cast) -> None:
    quota(funded, dimension="women_led", value="", percent=Decimal(0))
    award(funded, 1)
    funded.organisation.verifications.update(women_led=True, women_led_confirmed=True)
    with pytest.raises(Refused):
        award(funded, 1, project=Project.objects.get(pk=funded.project.pk))


def test_an_endorsed_project_counts_until_that_is_withdrawn(funded: Cast) -> None:
    body = Programme.objects.create(kind="fund", name_en="Fund")
    body.coordinators.add(funded.council)
    quota(funded, dimension="programme", value=body.code, percent=Decimal(1))
    row = project_endorse(actor=funded.council, programme=body, project=funded.project)
    with pytest.raises(InvalidInput):
        project_endorse(actor=funded.admin, programme=body, project=_own(funded))
    with pytest.raises(Refused):
        award(funded, 101)
    endorsement_withdraw(actor=funded.council, endorsement=row, reason="Over")
    award(funded, 101)


def _own(cast: Cast) -> Project:
    """A project in which the admin works."""
    project = other_project(cast)
    project.members.create(user=cast.admin)
    return project


def test_what_is_only_reported_refuses_nothing(funded: Cast) -> None:
    quota(funded, enforced=False, percent=Decimal(0))
    award(funded, 10)
    (share,) = selectors.shares(resource=funded.resource, quarters=[NOW], project=funded.project)
    assert (share.granted, share.target, share.after) == (10 * HOUR, 0, -10 * HOUR)


def test_returned_hours_are_free_again(funded: Cast) -> None:
    quota(funded)
    made = award(funded, 1000)
    allocation_adjust(
        actor=funded.admin, allocation=made.allocation, gpu_seconds=-300 * HOUR, reason="Less", key="a"
    )
    award(funded, 300)
    with pytest.raises(Refused):
        award(funded, 1)


def test_raising_an_allocation_counts_too(funded: Cast) -> None:
    quota(funded)
    made = award(funded, 900)
    with pytest.raises(Refused) as refusal:
        allocation_adjust(
            actor=funded.admin, allocation=made.allocation, gpu_seconds=101 * HOUR, reason="More", key="a"
        )
    assert refusal.value.code == "over_quota"


def test_an_override_is_recorded(funded: Cast) -> None:
    cap = quota(funded)
    made = award(funded, 1500, override_reason="Flood forecast")
    assert made.oversubscribed == 0
    told = AuditRow.objects.get(action="award_make")
    assert (told.after["overrode"], told.reason) == ([cap.code], "Flood forecast")


def test_an_absolute_cap_of_one_resource(funded: Cast) -> None:
    quota(funded, percent=None, gpu_seconds=5 * HOUR, resource=funded.resource)
    with pytest.raises(Refused):
        award(funded, 6)
    award(funded, 5)


# --- Floors -----------------------------------------------------------------------------------------
def floor(cast: Cast, **changes: Any) -> Quota:
    given = {
        "kind": "floor",
        "value": "startup",
        "percent": None,
        "enforced": True,
        "resource": cast.resource,
    }
    return quota(cast, **{**given, "gpu_seconds": CAPACITY, **changes})


def test_what_is_kept_for_a_group_isnt_awarded_to_others(funded: Cast) -> None:
    row = floor(funded)
    days = (NOW.last_day - clock.today()).days + 1
    reserved = CAPACITY * days // NOW.days
    with pytest.raises(Refused) as refusal:
        award(funded, (CAPACITY - reserved) // HOUR + 1)
    assert refusal.value.figures["quota"] == row.code
    assert refusal.value.figures["free"] == CAPACITY - reserved
    award(funded, (CAPACITY - reserved) // HOUR)
    award(funded, 100, project=other_project(funded))


def test_a_floor_thats_only_reported_keeps_nothing(funded: Cast) -> None:
    floor(funded, enforced=False)
    award(funded, 10_000)


def test_it_lapses_when_unused_for_thirty_days(funded: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    row = floor(funded)
    assert standings([row])[row.code].stands
    since = clock.now() - timedelta(days=31)
    with connection.cursor() as cursor:  # as if it had been set a month ago
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE quotas_quota SET created_at = %s, from_quarter = %s",
            [since, str(Quarter.of(since.date()))],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    row.refresh_from_db()
    assert not standings([row])[row.code].stands
    award(funded, 10_000)


def test_floors_of_all_resources_count_all_pools(funded: Cast) -> None:
    other = site("uet")
    fund(other)
    floor(funded, resource=None)  # half of what both have
    days = (NOW.last_day - clock.today()).days + 1
    reserved = CAPACITY * days // NOW.days
    award(funded, 10_000)  # the other site's pool still has what is kept
    with pytest.raises(Refused):
        require_within(project=funded.project, resource=other, portions={NOW: CAPACITY - reserved + HOUR})
    with transaction.atomic():
        assert (
            require_within(project=funded.project, resource=other, portions={NOW: CAPACITY - reserved}) == []
        )


# --- What people look at ----------------------------------------------------------------------------
def test_shares_tell_target_granted_and_effect(funded: Cast) -> None:
    cap = quota(funded)
    startups = floor(funded, enforced=False, percent=Decimal(25), gpu_seconds=None)
    quota(funded, value="agency")  # another group's cap is none of this project's
    award(funded, 400)
    found = {
        share.quota: share
        for share in selectors.shares(
            resource=funded.resource, quarters=[NOW], project=funded.project, portions={NOW: 700 * HOUR}
        )
    }
    assert set(found) == {cap, startups}
    assert (found[cap].target, found[cap].granted, found[cap].effect) == (1000 * HOUR, 400 * HOUR, 700 * HOUR)
    assert (found[cap].after, found[cap].breaks) == (-100 * HOUR, True)
    assert (found[startups].target, found[startups].member, found[startups].left) == (
        2500 * HOUR,
        False,
        2500 * HOUR,
    )


def test_commitments_by_week(funded: Cast) -> None:
    today = clock.today()
    award_make(
        actor=funded.council,
        project=funded.project,
        resource=funded.resource,
        gpu_seconds=14 * HOUR,
        starts_on=today,
        ends_on=today + timedelta(days=13),
    )
    weeks = selectors.commitments_by_week(funded.resource)
    assert len(weeks) == 26
    assert sum(week.committed for week in weeks) == 14 * HOUR
    assert weeks[1].committed == 7 * HOUR
    assert weeks[1].capacity == pytest.approx(CAPACITY * 7 / NOW.days, rel=0.03)
    assert not any(week.over for week in weeks)


def test_a_programmes_figures(funded: Cast, django_assert_max_num_queries) -> None:
    body = Programme.objects.create(kind="centre", name_en="Centre")
    Programme.objects.create(kind="centre", name_en="Other")
    organisation_endorse(actor=funded.admin, programme=body, organisation=funded.organisation)
    quota(funded, kind="floor", dimension="programme", value=body.code)
    award(funded, 30)
    with django_assert_max_num_queries(10):
        found = selectors.programme_quarters(Programme.objects.all(), [NOW, NOW.next])
    assert [(each.target, each.granted) for each in found[body]] == [
        (CAPACITY // 10, 30 * HOUR),
        (CAPACITY // 10, 0),
    ]
    assert selectors.totals_of(body).granted == 30 * HOUR
