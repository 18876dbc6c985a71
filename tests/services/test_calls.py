"""Tracks change by versions; calls open, close, stay within their budget, and tell their results."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.programme import services
from allocations.programme.models import CallBudget, Criterion, Rubric, Track, WaitingEntry
from allocations.programme.results import results_of
from allocations.programme.selectors import calls_visible_to, pending_count, pending_for
from allocations.programme.services.awarding import granted_within
from allocations.programme.services.tracks import RULES, STEP
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused
from portal.foundation.models import AuditRow
from tests.calling import close, drafted_call, open_call, plain_call, within
from tests.cast import Cast
from tests.requesting import HOUR, asked, fund

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def rules_of(code: str) -> tuple[Track, dict[str, Any], list[dict[str, Any]]]:
    track = Track.objects.get(code=code)
    version = track.versions.latest("number")
    steps = [{name: getattr(step, name) for name in STEP} for step in version.steps.all()]
    return track, version.snapshot(*RULES), steps


def change(cast: Cast, code: str = "standard", **options: Any) -> Any:
    track, rules, steps = rules_of(code)
    given = {"actor": cast.admin, "rules": rules, "steps": steps, "note": "Fewer GPUs.", **options}
    return services.track_change(track=track, **given)


# --- Tracks -----------------------------------------------------------------------------------------
def test_a_change_is_a_new_version_and_requests_keep_theirs(cast: Cast) -> None:
    request = services.request_submit(actor=cast.pi, request=asked(cast, 1_000))
    _track, rules, _steps = rules_of("standard")
    version = change(cast, rules=rules | {"max_gpu_seconds": 900 * HOUR}, after=1)
    assert (version.number, version.steps.count(), version.rubric) == (2, 5, request.track_version.rubric)
    request.refresh_from_db()
    assert request.track_version.number == 1
    assert request.track_version.max_gpu_seconds == 5_000 * HOUR
    row = AuditRow.objects.get(action="track_change")
    assert row.before["max_gpu_seconds"] == 5_000 * HOUR
    assert row.after["max_gpu_seconds"] == 900 * HOUR
    with pytest.raises(IllegalState, match="in between"):
        change(cast, after=1)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"note": " "}, "note"),
        ({"steps": []}, "steps"),
        ({"steps": [{"kind": "decision", "roles": []}]}, "steps"),
        ({"steps": [{"kind": "decision", "roles": ["reviewer"]}]}, "steps"),
        ({"steps": [{"kind": "consent", "by": "rule"}, {"kind": "decision", "roles": ["admin"]}]}, "steps"),
        ({"steps": [{"kind": "decision", "roles": ["admin"], "persons": 0}]}, None),
        ({"steps": [{"kind": "decision", "roles": ["admin"]}] * 2}, "steps"),
        ({"rules": {"first_instalment_percent": 0}}, "first_instalment_percent"),
        ({"rules": {"max_gpu_seconds": -1}}, None),
        ({"rules": {"organisation_kinds": ["bank"]}}, "organisation_kinds"),
    ],
)
def test_a_version_that_cant_work_is_refused(cast: Cast, wrong: dict[str, Any], field: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        change(cast, **wrong)
    assert field is None or refused.value.field == field
    assert Track.objects.get(code="standard").versions.count() == 1


def test_only_admins_change_tracks_rubrics_and_calls(cast: Cast) -> None:
    call = drafted_call(cast)
    for act in (
        lambda: change(cast, actor=cast.council),
        lambda: services.track_set_open(
            actor=cast.council, track=Track.objects.get(code="large"), is_open=False, reason="R"
        ),
        lambda: services.rubric_create(actor=cast.council, name_en="R", name_ur="", criteria=[]),
        lambda: services.call_publish(actor=cast.council, call=call),
        lambda: services.call_update(actor=cast.pi, call=call, title_en="Mine"),
        lambda: services.call_decide(actor=cast.pi, call=call, rows={}),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_closed_track_takes_nothing_more(cast: Cast) -> None:
    track = Track.objects.get(code="standard")
    services.track_set_open(actor=cast.admin, track=track, is_open=False, reason="Full.")
    with pytest.raises(InvalidInput, match="call"):  # the next larger one takes requests within a call only
        services.request_submit(actor=cast.pi, request=asked(cast, 1_000))


def test_a_rubric_weighs_a_hundred(cast: Cast) -> None:
    one = {"code": "merit", "name_en": "Merit", "weight": 60}
    for criteria in ([one], [one, {**one, "weight": 40}], [one, {"code": "x", "name_en": "", "weight": 40}]):
        with pytest.raises(InvalidInput):
            services.rubric_create(actor=cast.admin, name_en="R", name_ur="", criteria=criteria)
    rest = {"code": "use", "name_en": "Use", "weight": 40}
    made = services.rubric_create(actor=cast.admin, name_en="R", name_ur="", criteria=[one, rest])
    assert [str(criterion) for criterion in made.criteria.all()] == ["Merit", "Use"]
    assert Criterion.objects.filter(rubric=made).count() == 2


# --- The window -------------------------------------------------------------------------------------
def test_only_an_open_call_takes_a_large_request(cast: Cast) -> None:
    request = asked(cast, 6_000)
    with pytest.raises(InvalidInput, match="within an open call"):
        services.request_submit(actor=cast.pi, request=request)
    call = drafted_call(cast)
    services.request_update(actor=cast.pi, request=request, call=call)
    with pytest.raises(InvalidInput, match="takes no requests now"):
        services.request_submit(actor=cast.pi, request=request)
    services.call_publish(actor=cast.admin, call=call)
    request.refresh_from_db()
    assert services.request_submit(actor=cast.pi, request=request).track_version.track.code == "large"
    late = asked(cast, 6_000, call=close(call))
    with pytest.raises(InvalidInput, match="takes no requests now"):
        services.request_submit(actor=cast.pi, request=late)


def test_what_was_handed_in_before_the_cut_off_may_be_answered_for_after_it(cast: Cast) -> None:
    call = open_call(cast)
    small = asked(cast, 100, call=call)
    request = services.request_submit(actor=cast.pi, request=small)
    assert request.track_version.track.code == "large"  # the call's, whatever the size
    services.request_return(actor=cast.council, request=request, reason="Which data?")
    close(call)
    request.refresh_from_db()
    assert services.request_submit(actor=cast.pi, request=request).state == "submitted"


def test_an_opened_call_only_gives_more_time(cast: Cast) -> None:
    call = open_call(cast)
    for wrong in (
        {"closes_at": call.closes_at - timedelta(days=1)},
        {"opens_at": clock.now() + timedelta(days=1)},
        {"rubric": Rubric.objects.first()},
        {"track": Track.objects.get(code="national")},
    ):
        with pytest.raises(IllegalState):
            services.call_update(actor=cast.admin, call=call, **wrong)
    later = call.closes_at + timedelta(days=1)
    assert services.call_update(actor=cast.admin, call=call, closes_at=later).closes_at == later
    with pytest.raises(InvalidInput):
        services.call_update(actor=cast.admin, call=call, decided_by_on=clock.today())


def test_a_draft_is_seen_by_admins_only(cast: Cast) -> None:
    call = drafted_call(cast)
    assert call in calls_visible_to(cast.admin)
    assert call not in calls_visible_to(cast.council)


# --- The budget -------------------------------------------------------------------------------------
def test_a_budget_is_never_exceeded_not_even_by_what_waits(cast: Cast) -> None:
    call = plain_call(cast)
    bound = {"actor": cast.admin, "call": call, "resource": cast.resource}
    services.call_budget_set(**bound, gpu_seconds=150 * HOUR)
    first, second = within(cast, call), within(cast, call)
    services.request_approve(actor=cast.council, request=first)
    with pytest.raises(Refused) as refused:
        services.request_approve(actor=cast.council, request=second)
    assert refused.value.code == "over_budget"
    assert refused.value.figures == {"budget": 150 * HOUR, "granted": 100 * HOUR}
    with pytest.raises(InvalidInput, match="granted already"):
        services.call_budget_set(**bound, gpu_seconds=99 * HOUR)
    services.request_approve(actor=cast.council, request=second, gpu_seconds=50 * HOUR, reason="The rest.")
    assert granted_within(call.pk, cast.resource.pk) == 150 * HOUR


def test_what_waits_counts_until_it_is_given_up(cast: Cast) -> None:
    call = plain_call(cast)
    for row in cast.resource.capacities.all():
        row.gpu_seconds = 0
        row.store("gpu_seconds")
    fund(cast.resource)
    services.request_approve(actor=cast.council, request=within(cast, call), wait=True)
    assert granted_within(call.pk, cast.resource.pk) == 100 * HOUR
    services.waiting_withdraw(actor=cast.pi, entry=WaitingEntry.objects.get())
    assert granted_within(call.pk, cast.resource.pk) == 0


def test_no_bound_after_zero(cast: Cast) -> None:
    call = open_call(cast)
    for gpu_seconds in (HOUR, 0):
        services.call_budget_set(actor=cast.admin, call=call, resource=cast.resource, gpu_seconds=gpu_seconds)
    assert not CallBudget.objects.exists()


# --- Deciding together, and the results -------------------------------------------------------------
def test_rows_stand_and_fall_by_themselves(cast: Cast) -> None:
    call = plain_call(cast)
    services.call_budget_set(actor=cast.admin, call=call, resource=cast.resource, gpu_seconds=150 * HOUR)
    one, two, three, other = (within(cast, call) for _ in range(4))
    approve = {"outcome": "approved", "reason": "", "gpu_hours": None}
    told = services.call_decide(
        actor=cast.council,
        call=call,
        rows={
            one.code: approve,
            two.code: approve,
            three.code: {"outcome": "declined", "reason": ""},
            "req-nothing": approve,
        },
    )
    errors = {outcome.code: outcome.error and outcome.error.code for outcome in told}
    assert errors == {
        one.code: None,
        two.code: "over_budget",
        three.code: "invalid",
        "req-nothing": "illegal_state",
    }
    left = [request.code for request in pending_for(cast.council).filter(call=call)]
    assert left == [two.code, three.code, other.code]


def test_results_wait_for_the_last_decision_and_name_nobody(cast: Cast) -> None:
    call = plain_call(cast)
    granted, declined = within(cast, call), within(cast, call)
    publish = {"actor": cast.admin, "call": call}
    with pytest.raises(IllegalState):
        services.call_publish_results(**publish)
    close(call)
    services.request_approve(actor=cast.council, request=granted)
    with pytest.raises(IllegalState, match="1 requests"):
        services.call_publish_results(**publish)
    services.request_decline(actor=cast.council, request=declined, reason="Vague.")
    assert results_of(call) is None
    results = results_of(services.call_publish_results(**publish))
    assert results is not None
    assert results.declined == 1
    row = results.granted[0]
    assert (row.organisation, row.title, row.reason_code, row.gpu_seconds) == (
        cast.organisation.name,
        cast.project.title,
        "as_asked",
        100 * HOUR,
    )


# --- What waits for whom ----------------------------------------------------------------------------
def test_a_site_manager_is_shown_what_waits_for_the_site(cast: Cast) -> None:
    request = services.request_submit(actor=cast.pi, request=asked(cast, 1_000))
    assert list(pending_for(cast.site_manager)) == [request]
    assert pending_count(cast.site_manager) == 1
    services.consent_answer(actor=cast.site_manager, request=request, site=cast.site, given=True)
    assert pending_count(cast.site_manager) == 0
    large = services.request_submit(actor=cast.pi, request=asked(cast, 6_000, call=open_call(cast)))
    assert list(pending_for(cast.site_manager)) == [large]  # the technical check
