"""Reports: when they are due, who writes and answers them, and what waits for them."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.awards.models import Allocation
from allocations.awards.services import allocation_expire, allocation_extend
from allocations.ledger.selectors import balances, withheld_of
from allocations.lifecycle import services
from allocations.lifecycle.models import AllocationReport
from allocations.lifecycle.services import reports
from allocations.programme.checks import problems
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import OutboxRow
from portal.foundation.services import outbox
from portal.notices.models import Notice
from tests.cast import Cast
from tests.lifecycling import NOW, adds_up, allocated, in_quarter, strict_track
from tests.requesting import HOUR, draft

pytestmark = pytest.mark.django_db


def owed(allocation: Allocation) -> list[tuple[str, Any]]:
    services.reports_plan(allocation=allocation)
    return list(allocation.reports.values_list("kind", "due_on"))


def gated(cast: Cast) -> tuple[Allocation, AllocationReport]:
    """Half of it waits for a progress report, which is there from the start."""
    allocation = allocated(cast, track=strict_track(first_instalment_percent=50))
    services.reports_plan(allocation=allocation)
    return allocation, allocation.reports.get()


def handed_in(cast: Cast, report: AllocationReport) -> AllocationReport:
    return services.report_write(actor=cast.pi, report=report, submit=True, results="It learns.")


def test_nothing_is_owed_where_the_track_asks_for_nothing(cast: Cast) -> None:
    assert owed(allocated(cast)) == []


def test_the_final_report_is_asked_for_before_the_end(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(final_report=True), ends_on=in_quarter(20))
    assert owed(allocation) == []
    soon = clock.today() + timedelta(days=20)
    Allocation.objects.filter(pk=allocation.pk).update(ends_on=soon)
    for _ in range(2):
        assert owed(allocation) == [("final", soon + timedelta(days=30))]
    assert {notice.user for notice in Notice.objects.filter(kind="report_due")} == {cast.pi}
    allocation.refresh_from_db()
    later = soon + timedelta(days=5)
    allocation_extend(allocation=allocation, ends_on=later, actor=None, reason="So.", key="k")
    assert owed(allocation) == [("final", later + timedelta(days=30))]


def test_progress_is_asked_for_on_the_way(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(progress_every_days=10))
    assert NOW.last_day > clock.today() + timedelta(days=30)
    assert owed(allocation) == [("progress", clock.today() + timedelta(days=days)) for days in (10, 20, 30)]


def test_the_bridges_message_plans_reports(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(progress_every_days=10))
    OutboxRow.objects.exclude(topic="allocation_provision").delete()
    outbox.drain()
    assert allocation.reports.count() == 3


def test_one_allocation_that_fails_keeps_no_other_waiting(cast: Cast, monkeypatch: Any) -> None:
    first, second = (
        allocated(cast, track=strict_track(code, first_instalment_percent=50)) for code in ("one", "two")
    )
    told = reports.tell_report_due

    def fails_for_the_first(report: AllocationReport) -> None:
        if report.allocation == first:
            raise RuntimeError("no such address")
        told(report)

    monkeypatch.setattr(reports, "tell_report_due", fails_for_the_first)
    assert services.reports_plan_all() == second.reports.count() == 1
    assert not first.reports.exists()
    monkeypatch.undo()
    assert services.reports_plan_all() == first.reports.count() == 1, "it is left for the next run"


def test_an_accepted_report_releases_the_rest(cast: Cast) -> None:
    allocation, report = gated(cast)
    assert balances(allocation.code).available == 200 * HOUR
    report = handed_in(cast, report)
    assert Notice.objects.filter(kind="report_submitted", user=cast.admin).exists()
    returned = services.report_answer(
        actor=cast.admin, report=report, outcome="returned", reason="Which data?"
    )
    assert returned.state == "returned"
    assert balances(allocation.code).available == 200 * HOUR
    report = handed_in(cast, returned)
    assert services.report_answer(actor=cast.admin, report=report, outcome="accepted").state == "accepted"
    assert balances(allocation.code).available == 400 * HOUR
    assert withheld_of([allocation.code])[allocation.code] == 0
    adds_up(allocation)
    with pytest.raises(IllegalState):
        services.report_answer(actor=cast.admin, report=report, outcome="accepted")


def test_a_draft_is_kept_and_handing_in_needs_results(cast: Cast) -> None:
    _, report = gated(cast)
    report = services.report_write(actor=cast.pi, report=report, plans="More.", people_trained=3)
    assert (report.state, report.plans, report.people_trained) == ("due", "More.", 3)
    with pytest.raises(InvalidInput) as refusal:
        services.report_write(actor=cast.pi, report=report, submit=True)
    assert refusal.value.field == "results"


def test_an_overdue_final_report_blocks_new_requests(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(final_report=True))
    fresh = draft(cast)
    yesterday = clock.today() - timedelta(days=40)
    Allocation.objects.filter(pk=allocation.pk).update(starts_on=yesterday, ends_on=yesterday)
    allocation.refresh_from_db()
    allocation_expire(allocation=allocation)
    assert services.reports_plan_all() == 1
    report = allocation.reports.get()
    assert report.is_overdue
    assert [problem.code for problem in problems(fresh)] == ["report_overdue"]
    report = handed_in(cast, report)
    assert problems(fresh) == []
    services.report_answer(actor=cast.admin, report=report, outcome="accepted")
    assert balances(allocation.code).available == 0


@pytest.mark.parametrize("who", ["member", "colleague", "council", "admin", "auditor", "outsider"])
def test_only_who_leads_writes(cast: Cast, who: str) -> None:
    _, report = gated(cast)
    with pytest.raises(NotAllowed):
        services.report_write(actor=getattr(cast, who), report=report, results="Mine.")


@pytest.mark.parametrize("who", ["pi", "member", "council", "site_manager", "reviewer", "outsider"])
def test_only_admins_answer(cast: Cast, who: str) -> None:
    report = handed_in(cast, gated(cast)[1])
    with pytest.raises(NotAllowed):
        services.report_answer(actor=getattr(cast, who), report=report, outcome="accepted")
