"""A project is told in time how much is used and when it ends: each thing once."""

from datetime import timedelta
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allocations.awards import services
from allocations.awards.models import Allocation
from allocations.awards.services.reminders import expiry_remind, usage_remind
from allocations.ledger import services as ledger
from allocations.projects.models import ProjectMember
from portal.foundation import clock
from portal.notices.models import Notice
from tests.cast import Cast, person
from tests.requesting import HOUR, fund

pytestmark = pytest.mark.django_db
RUNS = count()


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    fund(cast.resource)
    return awarded(cast, days=90)


def awarded(cast: Cast, *, days: int, hours: int = 100) -> Allocation:
    """An active allocation whose last day is so many days away."""
    award = services.award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=hours * HOUR,
        starts_on=clock.today(),
        ends_on=clock.today() + timedelta(days=days),
    )
    return services.allocation_activate(allocation=award.allocation)


def use(allocation: Allocation, hours: int) -> None:
    run = f"run-{next(RUNS)}"
    ledger.charge_post(allocation_code=allocation.code, run_key=run, gpu_seconds=hours * HOUR, key=run)


def told(kind: str) -> list[str]:
    return sorted(Notice.objects.filter(kind=kind).values_list("user__name", flat=True))


def in_days(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    later = clock.today() + timedelta(days=days)
    monkeypatch.setattr("allocations.awards.services.reminders.clock.today", lambda: later)


# --- Usage ------------------------------------------------------------------------------------------
def test_each_threshold_is_told_once_to_whom_it_concerns(cast: Cast, allocation: Allocation) -> None:
    manager = person("manager2")
    ProjectMember.objects.create(project=cast.project, user=manager, role=ProjectMember.Role.MANAGER)
    use(allocation, 74)
    assert usage_remind() == 0
    use(allocation, 1)
    assert (usage_remind(), usage_remind()) == (1, 0)
    assert told("usage_75") == ["Manager2", "Pi"]
    use(allocation, 17)
    assert (usage_remind(), usage_remind()) == (1, 0)
    assert told("usage_90") == ["Manager2", "Member", "Pi"]
    notice = Notice.objects.filter(kind="usage_90")[0]
    assert notice.title.startswith("92% of the GPU-hours of “Retina screening”")
    assert "8 of 100 GPU-hours are left" in notice.text
    use(allocation, 20)  # late charges go beyond the budget
    assert usage_remind() == 1
    assert told("usage_100") == ["Manager2", "Member", "Pi"]
    assert "no further job starts" in Notice.objects.filter(kind="usage_100")[0].text
    assert len(told("usage_75")) == 2


def test_what_jumps_over_thresholds_is_told_once(cast: Cast, allocation: Allocation) -> None:
    use(allocation, 100)
    assert usage_remind() == 1
    assert set(Notice.objects.filter(kind__startswith="usage").values_list("kind", flat=True)) == {
        "usage_100"
    }


def test_after_a_raise_it_is_told_anew(cast: Cast, allocation: Allocation) -> None:
    use(allocation, 80)
    usage_remind()
    services.allocation_adjust(
        actor=cast.admin, allocation=allocation, gpu_seconds=100 * HOUR, reason="More.", key="1"
    )
    assert usage_remind() == 0, "40 % of the new budget"
    use(allocation, 75)
    assert usage_remind() == 1
    assert told("usage_75") == ["Pi", "Pi"]


def test_ended_and_unused_allocations_tell_nothing(cast: Cast, allocation: Allocation) -> None:
    use(allocation, 80)
    services.allocation_revoke(actor=cast.admin, allocation=allocation, reason="Test.")
    awarded(cast, days=90)
    assert usage_remind() == 0


def test_looking_costs_the_same_for_any_number(cast: Cast) -> None:
    fund(cast.resource)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert usage_remind() == 0
            assert expiry_remind() == 0
        return len(seen)

    for _ in range(3):
        use(awarded(cast, days=20, hours=10), 8)
    usage_remind(), expiry_remind()
    few = queries()
    for _ in range(9):
        use(awarded(cast, days=20, hours=10), 8)
    usage_remind(), expiry_remind()
    assert queries() == few <= 8


# --- The end ----------------------------------------------------------------------------------------
def test_four_reminders_before_the_end_each_once(
    cast: Cast, allocation: Allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(allocation, 30)
    told_after = []
    for day in range(88):  # looked at twice a day
        with monkeypatch.context() as patch:
            in_days(patch, day)
            if expiry_remind() + expiry_remind():
                told_after.append(90 - day)
    assert told_after == [30, 14, 7]
    in_days(monkeypatch, 89)
    assert expiry_remind() == 1
    assert told("allocation_ends") == ["Member"] * 4 + ["Pi"] * 4
    notice = Notice.objects.filter(kind="allocation_ends")[0]
    assert "70 GPU-hours are left" in notice.text
    assert notice.url == allocation.get_absolute_url()


def test_a_missed_day_is_made_up_for(allocation: Allocation, monkeypatch: pytest.MonkeyPatch) -> None:
    in_days(monkeypatch, 90 - 12)
    assert (expiry_remind(), expiry_remind()) == (1, 0)


def test_a_short_allocation_gets_only_what_is_short_before_its_end(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(cast.resource)
    awarded(cast, days=19)  # twenty days: 30 and 14 make no sense, 7 and 1 do
    leads = []
    for day in range(19):
        with monkeypatch.context() as patch:
            in_days(patch, day)
            if expiry_remind():
                leads.append(19 - day)
    assert leads == [7, 1]


def test_a_moved_end_is_told_anew(allocation: Allocation, monkeypatch: pytest.MonkeyPatch) -> None:
    in_days(monkeypatch, 60)
    assert expiry_remind() == 1
    Allocation.objects.update(ends_on=allocation.ends_on + timedelta(days=1))
    assert expiry_remind() == 0, "31 days"
    in_days(monkeypatch, 1)
    assert expiry_remind() == 1
