"""Ties are found right before a word, and stay on record when it is refused; the database holds to them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from allocations.awards.models import Allocation
from allocations.lifecycle import services as lifecycle
from allocations.lifecycle.models import ChangeDecision
from allocations.lifecycle.selectors import changes_pending_for
from allocations.lifecycle.services.reclaim_exemptions import exemption_ask, exemption_grant
from allocations.programme import selectors, services
from allocations.programme.models import AllocationRequest, Conflict, RequestStep, SiteConsent
from allocations.programme.services.ties import ties_record
from allocations.programme.ties import Ties
from allocations.projects.models import ProjectMember
from portal.foundation import clock
from portal.foundation.errors import NotAllowed
from portal.foundation.models import AuditRow
from portal.people.models import Membership, User
from tests.cast import Cast, site
from tests.lifecycling import allocated, ask, strict_track
from tests.reclaiming import warned
from tests.requesting import HOUR, fund, stepped, submitted
from tests.services.test_programme_steps import ASKED, CHECKED, share_a_project

pytestmark = pytest.mark.django_db


def request_of(allocation: Allocation) -> AllocationRequest:
    return AllocationRequest.objects.get(decisions__fulfilments__award__allocation=allocation)


def tied(cast: Cast, user: User) -> None:
    """From now on they work on a project with one of those who ask."""
    share_a_project(cast, cast.member, user)


# --- On record ----------------------------------------------------------------------------------------------
def test_a_tie_found_at_the_word_stays_on_record(cast: Cast) -> None:
    fund(cast.resource)
    request = submitted(cast)
    tied(cast, cast.council)
    with pytest.raises(NotAllowed):
        services.request_decline(actor=cast.council, request=request, reason="No.")
    assert Conflict.objects.get(request=request).user == cast.council
    assert AuditRow.objects.filter(action="conflict_find", object_code=request.code).count() == 1
    assert request not in selectors.visible_to(cast.council)
    assert list(selectors.stepped_aside(cast.council)) == [request]


def test_who_has_no_say_at_all_leaves_no_record(cast: Cast) -> None:
    fund(cast.resource)
    request = submitted(cast)
    with pytest.raises(NotAllowed):
        services.request_decline(actor=cast.pi, request=request, reason="No.")
    assert not Conflict.objects.exists()


def test_a_tie_that_two_find_at_once_is_written_down_once(cast: Cast, monkeypatch: Any) -> None:
    fund(cast.resource)
    request = submitted(cast)
    tied(cast, cast.council)
    found = Ties.of

    def and_so_does_another(self: Ties, user: User) -> Any:
        ties = found(self, user)
        for tie in ties:
            Conflict.objects.create(request=request, user=user, kind=tie.kind, severity=tie.severity)
        return ties

    monkeypatch.setattr(Ties, "of", and_so_does_another)
    assert ties_record(request=request, users=[cast.council]) == []
    assert Conflict.objects.count() == 1
    assert not AuditRow.objects.filter(action="conflict_find").exists(), "the other's to tell"


# --- The life of an allocation ------------------------------------------------------------------------------
def test_who_is_tied_answers_no_report(cast: Cast) -> None:
    allocation = allocated(cast, track=strict_track(first_instalment_percent=50))
    lifecycle.reports_plan(allocation=allocation)
    report = allocation.reports.get()
    lifecycle.report_write(actor=cast.pi, report=report, submit=True, results="It learns.")
    tied(cast, cast.admin)
    with pytest.raises(NotAllowed):
        lifecycle.report_answer(actor=cast.admin, report=report, outcome="accepted")
    assert Conflict.objects.get(user=cast.admin).request == request_of(allocation)


def test_who_is_tied_exempts_nobody(cast: Cast) -> None:
    allocation = allocated(cast, ends_on=clock.today() + timedelta(days=99))
    case = warned(cast, allocation)
    exemption_ask(actor=cast.pi, case=case, reason="The data comes next month.")
    tied(cast, cast.admin)
    with pytest.raises(NotAllowed):
        exemption_grant(actor=cast.admin, case=case)
    assert Conflict.objects.get(user=cast.admin).request == request_of(allocation)


def test_a_conflict_about_where_hours_move_counts(cast: Cast) -> None:
    giver, taker = allocated(cast), allocated(cast, 100, resource=site("uet"))
    change = ask(cast, giver, "move", gpu_seconds=150 * HOUR, target=taker)
    Conflict.objects.create(
        request=request_of(taker), user=cast.council, kind="declared", severity="apparent"
    )
    assert change not in changes_pending_for(cast.council)
    with pytest.raises(NotAllowed):
        lifecycle.change_decide(actor=cast.council, change=change, outcome="declined", reason="No.")
    with pytest.raises(DatabaseError, match="conflict of interest"), transaction.atomic():
        ChangeDecision.objects.create(
            change=change, decided_by=cast.council, outcome="declined", reason="No."
        )
    assert change in changes_pending_for(cast.admin)
    done = lifecycle.change_decide(actor=cast.admin, change=change, outcome="declined", reason="No.")
    assert done.state == "declined"


# --- The database -------------------------------------------------------------------------------------------
def test_nobody_tied_is_named_afterwards(cast: Cast) -> None:
    """Not in a row that is written as it ends, nor in one that ended before."""
    fund(cast.resource)
    request = submitted(cast, track=stepped(CHECKED, ASKED))
    Conflict.objects.create(request=request, user=cast.admin, kind="declared", severity="apparent")
    step = RequestStep.objects.filter(request=request, kind="technical")
    step.update(state="passed", closed_by=cast.council)
    consent = SiteConsent.objects.create(request=request, round=1, site=cast.site, due_at=clock.now())
    SiteConsent.objects.update(state="given", answered_by=cast.site_manager)
    for rows, who in ((step, "closed_by"), (SiteConsent.objects.filter(pk=consent.pk), "answered_by")):
        for column in (who, "on_behalf_of"):
            with pytest.raises(DatabaseError, match="conflict of interest"), transaction.atomic():
                rows.update(**{column: cast.admin})
    with pytest.raises(DatabaseError, match="conflict of interest"), transaction.atomic():
        RequestStep.objects.create(
            request=request, round=9, position=9, kind="technical", step=step.get().step,
            state="passed", closed_by=cast.admin,
        )  # fmt: skip


@pytest.mark.parametrize("how", ["project", "organisation"])
def test_nobody_checks_their_own(cast: Cast, how: str) -> None:
    fund(cast.resource)
    request = submitted(cast, track=stepped(CHECKED))
    if how == "project":
        ProjectMember.objects.create(project=cast.project, user=cast.council)
    else:
        Membership.objects.create(organisation=cast.organisation, user=cast.council)
    step = RequestStep.objects.filter(request=request, kind="technical")
    for who in ("closed_by", "on_behalf_of"):
        with pytest.raises(DatabaseError, match="own request, project"), transaction.atomic():
            step.update(state="passed", **{who: cast.council})
    assert step.update(state="passed", closed_by=cast.admin) == 1
    Membership.objects.create(organisation=cast.organisation, user=cast.admin)
    assert step.update(note="Later.") == 1, "who was free then stays named"
