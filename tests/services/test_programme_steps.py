"""Steps that wait for people: who may close them, in whose seat, which one is meant, and who is tied."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from allocations.programme import selectors, services
from allocations.programme.models import (
    AllocationRequest,
    Conflict,
    RequestStep,
    SiteConsent,
    Track,
)
from allocations.programme.policies import actions_for
from allocations.programme.services.steps import StepClosed
from allocations.programme.services.writing import Line
from allocations.projects.models import Project, ProjectMember
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.models import AuditRow
from portal.people.models import Deputy, Membership, User
from tests.cast import Cast, person, site
from tests.requesting import HOUR, asked, draft, fund, stepped, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


CHECKED = {"kind": "technical", "roles": ["admin"]}
ETHICS = {"kind": "ethics", "roles": ["admin", "council"]}
ASKED = {"kind": "consent", "roles": ["site"]}


def deputy_of(principal: User) -> User:
    deputy, today = person("deputy"), clock.today()
    Deputy.objects.create(person=principal, deputy=deputy, starts_on=today, ends_on=today, reason="Leave")
    return deputy.fresh()


def share_a_project(cast: Cast, *people: User) -> None:
    project = Project.objects.create(
        organisation=cast.other_organisation, title="Robots", abstract="A", sector=cast.project.sector
    )
    for user in people:
        ProjectMember.objects.create(project=project, user=user)


# --- Ties -------------------------------------------------------------------------------------------------
def test_ties_of_deciders_are_found_on_every_track(cast: Cast) -> None:
    share_a_project(cast, cast.member, cast.council)
    request = submitted(cast)  # one step: a decision
    conflict = Conflict.objects.get(request=request)
    assert (conflict.user, conflict.kind, conflict.severity) == (cast.council, "shared_project", "real")
    assert AuditRow.objects.filter(action="conflict_find", object_code=request.code).exists()
    with pytest.raises(NotAllowed):
        services.request_decline(actor=cast.council, request=request, reason="No.")
    assert request not in selectors.visible_to(cast.council)
    assert request not in selectors.pending_for(cast.council)
    assert list(selectors.stepped_aside(cast.council)) == [request]
    assert request in selectors.visible_to(cast.admin)


def test_a_tie_of_later_counts_at_the_word(cast: Cast) -> None:
    request = submitted(cast)
    assert not Conflict.objects.exists()
    share_a_project(cast, cast.member, cast.council)
    with pytest.raises(NotAllowed):
        services.request_decline(actor=cast.council, request=request, reason="No.")
    deputy = deputy_of(cast.council)
    with pytest.raises(NotAllowed):  # whoever they speak for is tied
        services.request_decline(actor=deputy, request=request, reason="No.")
    assert services.request_decline(actor=cast.admin, request=request, reason="No.")


def test_a_tied_manager_has_no_say_about_their_site(cast: Cast) -> None:
    request = submitted(cast, track=stepped(ASKED))
    share_a_project(cast, cast.pi, cast.site_manager)
    with pytest.raises(NotAllowed):
        services.consent_answer(actor=cast.site_manager, request=request, site=cast.site, given=True)


def test_the_database_refuses_a_word_after_a_conflict(cast: Cast) -> None:
    request = submitted(cast, track=stepped(CHECKED, ASKED))
    for user in (cast.admin, cast.site_manager):
        Conflict.objects.create(request=request, user=user, kind="declared", severity="apparent")
    step = RequestStep.objects.filter(request=request, state="open")
    for who in ("closed_by", "on_behalf_of"):
        with pytest.raises(DatabaseError, match="conflict of interest"), transaction.atomic():
            step.update(state="passed", **{who: cast.admin})
    SiteConsent.objects.create(request=request, round=1, site=cast.site, due_at=clock.now())
    with pytest.raises(DatabaseError, match="conflict of interest"), transaction.atomic():
        SiteConsent.objects.update(state="given", answered_by=cast.site_manager)
    assert step.update(state="passed", closed_by=cast.council) == 1


def test_a_member_sees_it_whatever_their_other_role(cast: Cast) -> None:
    """The conflict takes away what the role shows, not what is one's own."""
    ProjectMember.objects.create(project=cast.project, user=cast.council)
    request = submitted(cast)
    assert request in selectors.visible_to(cast.council)
    assert "decline" not in actions_for(cast.council, request)


# --- A silent site ----------------------------------------------------------------------------------------
def test_admins_answer_for_a_site_that_stays_silent(cast: Cast) -> None:
    request = submitted(cast, track=stepped(ASKED))
    answer: dict[str, Any] = {"actor": cast.admin, "request": request, "site": cast.site, "given": True}
    with pytest.raises(NotAllowed):
        services.consent_answer(**answer, reason="In haste.")
    late = clock.now() - timedelta(minutes=1)
    SiteConsent.objects.update(due_at=late)
    RequestStep.objects.filter(state="open").update(due_at=late)
    assert services.steps_sweep() == {"presumed": 0, "escalated": 1}
    waiting = selectors.pending_with_steps(cast.admin).get()
    assert waiting.asks_site == cast.site.code
    with pytest.raises(InvalidInput, match="reason"):
        services.consent_answer(**answer)
    with pytest.raises(NotAllowed):
        services.consent_answer(**{**answer, "actor": cast.council}, reason="The site has closed.")
    consent = services.consent_answer(**answer, reason="The site's office is shut; it has room.")
    assert (consent.state, consent.answered_by, consent.taken_over) == ("given", cast.admin, True)
    row = AuditRow.objects.get(action="request_consent_give_for")
    assert row.reason.startswith("The site's office")
    assert request.steps.get(kind="consent").state == "passed"
    with pytest.raises(NotAllowed):  # it is no longer silent
        services.consent_answer(**{**answer, "given": False}, reason="After all not.")


# --- Deputies of site managers ----------------------------------------------------------------------------
def test_a_site_managers_deputy_answers_in_their_seat(cast: Cast) -> None:
    request = submitted(cast, track=stepped(ASKED))
    deputy = deputy_of(cast.site_manager)
    assert request in selectors.visible_to(deputy)
    assert selectors.pending_with_steps(deputy).get().asks_site == cast.site.code
    consent = services.consent_answer(actor=deputy, request=request, site=cast.site, given=True)
    assert (consent.answered_by, consent.on_behalf_of) == (deputy, cast.site_manager)
    row = AuditRow.objects.get(action="request_consent_give")
    assert row.after["on_behalf_of"] == cast.site_manager.code


def test_a_deputys_own_interest_keeps_them_from_answering(cast: Cast) -> None:
    request = submitted(cast, track=stepped(ASKED))
    deputy = deputy_of(cast.site_manager)
    Membership.objects.create(organisation=cast.organisation, user=deputy)
    with pytest.raises(NotAllowed):
        services.consent_answer(actor=deputy.fresh(), request=request, site=cast.site, given=True)


def test_a_check_by_a_deputy_says_for_whom(cast: Cast) -> None:
    request = submitted(cast, track=stepped({"kind": "technical", "roles": ["site"]}))
    deputy = deputy_of(cast.site_manager)
    services.step_close(actor=deputy, request=request, passed=True, kind="technical")
    step = request.steps.get(kind="technical")
    assert (step.closed_by, step.on_behalf_of) == (deputy, cast.site_manager)


# --- Which step is meant ----------------------------------------------------------------------------------
def test_a_check_sent_twice_closes_no_later_step(cast: Cast) -> None:
    request = _risky(cast, stepped(CHECKED, ETHICS))
    services.step_close(actor=cast.admin, request=request, passed=True, kind="technical", round=1)
    with pytest.raises(StepClosed, match="already closed by Admin") as refused:
        services.step_close(actor=cast.admin, request=request, passed=True, kind="technical", round=1)
    assert (refused.value.status, refused.value.code) == (409, "step_closed")
    with pytest.raises(IllegalState):
        services.step_close(actor=cast.admin, request=request, passed=True, kind="ethics", round=2)
    with pytest.raises(NotAllowed):  # who closed it is none of theirs
        services.step_close(actor=cast.pi, request=request, passed=True, kind="technical", round=1)
    assert request.steps.get(kind="ethics").state == "open"


def _risky(cast: Cast, track: Track) -> AllocationRequest:
    return submitted(cast, track=track, ai_risk="high", ai_risk_note="A person looks at each result.")


def test_what_was_placed_is_placed_anew_after_a_return(cast: Cast) -> None:
    elsewhere = site("uet", hours_a_quarter=50_000)
    fund(elsewhere)
    lines = [Line(any_suitable=True, gpu_seconds=100 * HOUR)]
    request = draft(cast, track=stepped(CHECKED), resource=None, gpu_seconds=None)
    services.request_update(actor=cast.pi, request=request, lines=lines)
    request = services.request_submit(actor=cast.pi, request=request)
    assert request.lines.get().placed == elsewhere
    services.request_return(actor=cast.council, request=request, reason="When?")
    elsewhere.is_open = False
    elsewhere.store("is_open")
    request = services.request_submit(actor=cast.pi, request=request)
    assert request.lines.get().placed == cast.resource


# --- What bounds the GPUs at once -------------------------------------------------------------------------
def test_a_track_that_bounds_gpus_wants_a_run_table(cast: Cast) -> None:
    without = asked(cast, 1_000, runs=[])
    with pytest.raises(InvalidInput, match="The run table is empty") as refused:
        services.request_submit(actor=cast.pi, request=without)
    assert (refused.value.field, refused.value.code) == ("runs", "no_runs")
    services.request_update(
        actor=cast.pi, request=without, runs=[services.Run("A model", gpus=4, hours=Decimal(250))]
    )
    assert services.request_submit(actor=cast.pi, request=without).state == "submitted"
    assert submitted(cast, track=stepped(CHECKED), runs=[]).state == "submitted", "this one bounds none"
