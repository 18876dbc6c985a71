"""Requests through their services: writing, submitting, deciding, and what each refuses."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.awards.capacity import portions
from allocations.ledger.selectors import balances, pool_free
from allocations.programme import checks, selectors, services
from allocations.programme.models import AllocationRequest
from datacenters.models import Accreditation
from portal.foundation import clock
from portal.foundation.clock import Quarter, quarters_between
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused, SecondFactorNeeded
from portal.foundation.models import AuditRow, OutboxRow
from portal.people.models import Membership
from tests.cast import Cast
from tests.requesting import HOUR, approve, approved, draft, fund, returned, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def audited(thing: Any) -> list[str]:
    rows = AuditRow.objects.filter(object_code=thing.code).order_by("id")
    return list(rows.values_list("action", flat=True))


# --- Writing ----------------------------------------------------------------------------------------
def test_a_draft_may_lack_everything_but_its_project(cast: Cast) -> None:
    request = services.request_create(actor=cast.pi, project=cast.project)
    assert request.state == "draft"
    assert audited(request) == ["request_create"]
    assert {problem.field for problem in checks.problems(request)} == {
        "resource",
        "gpu_hours",
        "ai_risk",
        "starts_on",
        "ends_on",
        "justification",
    }


def test_a_change_is_audited_with_what_changed(cast: Cast) -> None:
    request = draft(cast)
    services.request_update(
        actor=cast.pi,
        request=request,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=50 * HOUR,
        starts_on=request.starts_on,
        ends_on=request.ends_on,
        justification=request.justification,
    )
    row = AuditRow.objects.get(action="request_update")
    assert row.before == {"gpu_seconds": 100 * HOUR}
    assert row.after == {"gpu_seconds": 50 * HOUR}


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("gpu_seconds", 0, "gpu_hours"), ("gpu_seconds", -1, "gpu_hours"), ("ends_on", -1, "ends_on")],
)
def test_what_can_never_be_right_is_no_draft(cast: Cast, field: str, value: int, named: str) -> None:
    fields: dict[str, Any] = {field: clock.today() + timedelta(days=value) if field == "ends_on" else value}
    with pytest.raises(InvalidInput) as refusal:
        draft(cast, **fields)
    assert refusal.value.field == named
    assert not AllocationRequest.objects.exists()


# --- Submitting -------------------------------------------------------------------------------------
def test_submit(cast: Cast) -> None:
    request = submitted(cast)
    assert request.state == "submitted"
    assert request.submitted_at is not None
    assert audited(request) == ["request_create", "request_submit"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"resource": None}, "resource"),
        ({"gpu_seconds": None}, "gpu_hours"),
        ({"starts_on": None}, "starts_on"),
        ({"ends_on": None}, "ends_on"),
        ({"starts_on": clock.today() - timedelta(days=1)}, "starts_on"),
        ({"ends_on": clock.today() + timedelta(days=366)}, "ends_on"),
        ({"justification": "  \n"}, "justification"),
    ],
)
def test_an_incomplete_request_isnt_submitted(cast: Cast, changes: dict[str, Any], field: str) -> None:
    request = draft(cast, **changes)
    with pytest.raises(InvalidInput) as refusal:
        services.request_submit(actor=cast.pi, request=request)
    assert refusal.value.field == field
    request.refresh_from_db()
    assert request.state == "draft"


def test_a_whole_year_is_no_more_than_a_year(cast: Cast) -> None:
    today = clock.today()
    submitted(cast, ends_on=checks.longest_until(today) - timedelta(days=1))


def test_an_unverified_organisation_isnt_heard(cast: Cast) -> None:
    cast.organisation.verifications.update(expires_on=clock.today() - timedelta(days=1))
    with pytest.raises(InvalidInput) as refusal:
        submitted(cast)
    assert refusal.value.code == "organisation_unverified"


def test_secret_data_is_refused_everywhere(cast: Cast) -> None:
    cast.project.data_class = "secret"
    cast.project.store("data_class")
    with pytest.raises(InvalidInput) as refusal:
        submitted(cast)
    assert (refusal.value.code, refusal.value.field) == ("data_class", "project")


def test_restricted_data_needs_an_accredited_site(cast: Cast) -> None:
    cast.project.data_class = "restricted"
    cast.project.store("data_class")
    with pytest.raises(InvalidInput) as refusal:
        submitted(cast)
    assert (refusal.value.code, refusal.value.field) == ("data_class", "resource")
    Accreditation.objects.create(site=cast.site, data_class="restricted", expires_on=clock.today())
    assert submitted(cast).state == "submitted"


def test_a_closed_resource_takes_no_request(cast: Cast) -> None:
    cast.resource.is_open = False
    cast.resource.save()
    with pytest.raises(InvalidInput) as refusal:
        submitted(cast)
    assert refusal.value.code == "resource_closed"


def test_more_than_is_free_is_a_warning_only(cast: Cast) -> None:
    assert checks.warnings(submitted(cast)) == []
    request = submitted(cast, gpu_seconds=11_000 * HOUR)
    assert any("are free" in warning for warning in checks.warnings(request))
    assert any("All GPUs" in warning for warning in checks.warnings(request))


def test_all_problems_come_at_once(cast: Cast) -> None:
    request = services.request_create(actor=cast.pi, project=cast.project)
    with pytest.raises(InvalidInput) as refusal:
        services.request_submit(actor=cast.pi, request=request)
    assert [problem["field"] for problem in refusal.value.figures["problems"]][:2] == [
        "resource",
        "gpu_hours",
    ]


# --- Deciding ---------------------------------------------------------------------------------------
def test_approval_in_full(cast: Cast) -> None:
    decision = approve(cast, submitted(cast))
    award = decision.lines.get().award
    assert award is not None
    allocation = award.allocation
    assert decision.request.state == "approved"
    assert decision.request.decided_at == decision.created_at
    assert (award.gpu_seconds, award.oversubscribed, award.decided_by) == (100 * HOUR, 0, cast.council)
    assert (allocation.project, allocation.resource) == (cast.project, cast.resource)
    assert allocation.state == "provisioning"
    standing = balances(allocation.code)
    assert (standing.granted, standing.available) == (100 * HOUR, 100 * HOUR)
    assert OutboxRow.objects.get(topic="allocation_provision").payload == {"allocation": allocation.code}
    assert audited(decision.request)[-1] == "request_approve"
    assert audited(award) == ["award_make"]
    assert audited(allocation) == ["allocation_open"]


def test_an_award_leaves_the_pools_by_days(cast: Cast) -> None:
    starts_on, ends_on = clock.today(), clock.today() + timedelta(days=120)
    quarters = quarters_between(starts_on, ends_on)
    before = pool_free(cast.resource, quarters)
    approve(cast, submitted(cast, ends_on=ends_on, gpu_seconds=1000 * HOUR + 7))
    after = pool_free(cast.resource, quarters)
    taken = {quarter: before[quarter] - after[quarter] for quarter in quarters}
    assert taken == portions(gpu_seconds=1000 * HOUR + 7, starts_on=starts_on, ends_on=ends_on)
    assert sum(taken.values()) == 1000 * HOUR + 7
    assert len(quarters) >= 2


def test_partial_approval_needs_a_reason(cast: Cast) -> None:
    request = submitted(cast)
    with pytest.raises(InvalidInput) as refusal:
        approve(cast, request, gpu_seconds=40 * HOUR)
    assert refusal.value.field == "reason"
    decision = approve(cast, request, gpu_seconds=40 * HOUR, reason="Four of the eight runs first.")
    assert decision.lines.get().award.gpu_seconds == 40 * HOUR
    assert balances(decision.lines.get().award.allocation.code).granted == 40 * HOUR


@pytest.mark.parametrize("gpu_seconds", [100 * HOUR + 1, 0, -5])
def test_no_more_than_was_asked_for(cast: Cast, gpu_seconds: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        approve(cast, submitted(cast), gpu_seconds=gpu_seconds, reason="Because.")
    assert refusal.value.field == "gpu_hours"


def test_decline_needs_a_reason(cast: Cast) -> None:
    request = submitted(cast)
    with pytest.raises(InvalidInput):
        services.request_decline(actor=cast.council, request=request, reason=" ")
    decision = services.request_decline(actor=cast.admin, request=request, reason="Too vague.")
    assert decision.request.state == "declined"
    assert not decision.lines.exists()
    assert AuditRow.objects.get(action="request_decline").reason == "Too vague."


def test_return_edit_resubmit_approve(cast: Cast) -> None:
    request = returned(cast)
    assert request.state == "returned"
    line = request.lines.get()
    services.request_update(
        actor=cast.pi,
        request=request,
        project=cast.project,
        resource=line.resource,
        gpu_seconds=60 * HOUR,
        starts_on=request.starts_on,
        ends_on=request.ends_on,
        justification="A model of 7 billion parameters.",
    )
    request = services.request_submit(actor=cast.pi, request=request)
    assert approve(cast, request).request.state == "approved"
    assert [decision.outcome for decision in request.decisions.all()] == ["returned", "approved"]


def test_withdraw(cast: Cast) -> None:
    request = services.request_withdraw(actor=cast.pi, request=submitted(cast), reason="No longer needed.")
    assert request.state == "withdrawn"
    assert AuditRow.objects.get(action="request_withdraw").reason == "No longer needed."
    with pytest.raises(IllegalState):
        approve(cast, request)


def test_a_decision_is_made_once(cast: Cast) -> None:
    request = approved(cast)
    with pytest.raises(IllegalState):
        approve(cast, request)
    with pytest.raises(IllegalState):
        services.request_decline(actor=cast.council, request=request, reason="On second thought.")
    assert request.decisions.count() == 1


@pytest.mark.parametrize("who", ["organisation", "project", "requester"])
def test_a_decider_with_an_interest_is_refused(cast: Cast, who: str) -> None:
    request = submitted(cast)
    if who == "organisation":
        Membership.objects.create(organisation=cast.organisation, user=cast.council)
    elif who == "project":
        cast.project.members.create(user=cast.council)
    else:
        AllocationRequest.objects.filter(pk=request.pk).update(requested_by=cast.council)
    with pytest.raises(NotAllowed, match="Nobody decides"):
        approve(cast, request)
    assert request not in selectors.pending_for(cast.council)
    assert not request.decisions.exists()


def test_a_second_factor_is_asked_for(cast: Cast, settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    request = submitted(cast)
    for decide in (
        lambda: approve(cast, request),
        lambda: services.request_decline(actor=cast.council, request=request, reason="No."),
        lambda: services.request_return(actor=cast.council, request=request, reason="Why?"),
    ):
        with pytest.raises(SecondFactorNeeded):
            decide()
    cast.council.authenticator_set.create(type="totp", data={})
    cast.council = cast.council.fresh()
    assert approve(cast, request).request.state == "approved"


def test_a_period_that_has_begun_is_awarded_from_today(cast: Cast) -> None:
    request = submitted(cast)
    AllocationRequest.objects.filter(pk=request.pk).update(starts_on=clock.today() - timedelta(days=200))
    award = approve(cast, request).lines.get().award
    assert award is not None
    assert award.starts_on == clock.today()


def test_a_period_that_is_over_isnt_awarded(cast: Cast) -> None:
    request = submitted(cast)
    yesterday = clock.today() - timedelta(days=1)
    AllocationRequest.objects.filter(pk=request.pk).update(starts_on=yesterday, ends_on=yesterday)
    with pytest.raises(InvalidInput, match="over"):
        approve(cast, request)


def test_the_data_class_is_checked_again(cast: Cast) -> None:
    request = submitted(cast)
    cast.project.data_class = "sensitive"
    cast.project.store("data_class")
    with pytest.raises(InvalidInput) as refusal:
        approve(cast, request)
    assert refusal.value.code == "data_class"


# --- Capacity ---------------------------------------------------------------------------------------
def of_one_quarter() -> dict[str, Any]:
    """A period of one day, and so of one quarter."""
    return {"starts_on": clock.today(), "ends_on": clock.today()}


def test_never_beyond_what_is_free(cast: Cast) -> None:
    request = submitted(cast, gpu_seconds=10_000 * HOUR + 36, **of_one_quarter())
    with pytest.raises(Refused) as refusal:
        approve(cast, request)
    assert refusal.value.code == "over_capacity"
    assert refusal.value.figures
    request.refresh_from_db()
    assert request.state == "submitted"
    assert not request.decisions.exists()
    assert not cast.project.allocations.exists()
    fits = approve(cast, request, gpu_seconds=10_000 * HOUR, reason="What there is.")
    assert fits.lines.exists()
    assert pool_free(cast.resource, [Quarter.of(clock.today())]) == {Quarter.of(clock.today()): 0}


def test_beyond_it_by_a_recorded_override(cast: Cast) -> None:
    approved(cast, gpu_seconds=9_999 * HOUR, **of_one_quarter())
    request = submitted(cast, gpu_seconds=3 * HOUR, **of_one_quarter())
    decision = approve(cast, request, override_reason="Flood forecasts can't wait.")
    assert decision.lines.get().award.oversubscribed == 2 * HOUR
    assert decision.override_reason == "Flood forecasts can't wait."
    assert balances(decision.lines.get().award.allocation.code).granted == 3 * HOUR
    after = AuditRow.objects.filter(action="request_approve").latest("id").after
    assert (after["awards"][0]["oversubscribed"], after["override_reason"]) == (
        2 * HOUR,
        "Flood forecasts can't wait.",
    )


def test_an_override_that_wasnt_needed_is_none(cast: Cast) -> None:
    decision = approve(cast, submitted(cast), override_reason="Just in case.")
    assert (decision.override_reason, decision.lines.get().award.oversubscribed) == ("", 0)


# --- Who sees what ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "sees_draft", "sees_submitted"),
    [
        ("pi", True, True),
        ("member", True, True),
        ("colleague", False, False),
        ("reviewer", False, False),
        ("site_manager", False, True),
        ("council", False, True),
        ("admin", False, True),
        ("auditor", False, True),
        ("outsider", False, False),
    ],
)
def test_visibility(cast: Cast, who: str, sees_draft: bool, sees_submitted: bool) -> None:
    user = getattr(cast, who)
    written, handed_in = draft(cast), submitted(cast)
    seen = set(selectors.visible_to(user))
    assert (written in seen, handed_in in seen) == (sees_draft, sees_submitted)


@pytest.mark.parametrize(
    ("kind", "code", "sees"),
    [
        ("organisation", "own", True),
        ("organisation", "other", False),
        ("site", "own", True),
        ("site", "other", False),
        ("sector", "own", True),
        ("sector", "other", False),
    ],
)
def test_an_auditor_sees_within_the_scope(cast: Cast, kind: str, code: str, sees: bool) -> None:
    own = {"organisation": cast.organisation.code, "site": cast.site.code, "sector": "health"}
    cast.auditor.auditor_scopes.update(kind=kind, code=own[kind] if code == "own" else "elsewhere")
    request = submitted(cast)
    assert (request in selectors.visible_to(cast.auditor)) is sees


def test_the_badge_counts_what_one_may_decide(cast: Cast) -> None:
    submitted(cast)
    draft(cast)
    approved(cast)
    assert selectors.pending_count(cast.council) == 1
    assert selectors.pending_count(cast.admin) == 1
    assert selectors.pending_count(cast.pi) == 0
    assert selectors.pending_count(cast.reviewer) == 0
