"""A request through each track: by rule, by sites, by one person and by two; deputies, silence, waiting."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.awards.models import Allocation, Award
from allocations.awards.services import allocation_give_back
from allocations.ledger.selectors import balances, withheld_of
from allocations.programme import services
from allocations.programme.models import (
    AllocationRequest,
    Conflict,
    RequestStep,
    SiteConsent,
    Track,
    TrackStep,
    TrackVersion,
    WaitingEntry,
)
from allocations.programme.services.grants import Grant
from allocations.programme.standing import clock_of
from allocations.programme.tracks import chosen_of, track_for, versions_in_force, working_days_after
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused
from portal.foundation.models import AuditRow, OutboxRow
from portal.foundation.services import outbox
from portal.notices.models import Notice
from portal.people.models import Deputy, Organisation, ProgrammeRole, User
from tests.cast import Cast, person, site
from tests.requesting import HOUR, asked, fund

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def submit(cast: Cast, gpu_hours: int, **fields: Any) -> AllocationRequest:
    return services.request_submit(actor=cast.pi, request=asked(cast, gpu_hours, **fields))


def consent(cast: Cast, request: AllocationRequest) -> None:
    services.consent_answer(actor=cast.site_manager, request=request, site=cast.site, given=True)


def states(request: AllocationRequest) -> dict[str, str]:
    return dict(request.steps.filter(round=request.round).values_list("kind", "state"))


def second(cast: Cast, role: str = "council") -> User:
    user = person(f"second-{role}")
    ProgrammeRole.objects.create(user=user, role=role)
    return user


@pytest.mark.parametrize(
    ("gpu_hours", "gpus", "kind", "track"),
    [
        (200, 0, "academic", "explore"),
        (200, 9, "academic", "large"),
        (201, 8, "academic", "standard"),
        (5_000, 8, "startup", "standard"),
        (5_001, 0, "startup", "large"),
        (50_000, 50, "agency", "large"),
        (50_001, 0, "agency", "national"),
        (10, 51, "agency", "national"),
    ],
)
def test_a_request_finds_its_track_by_its_size(gpu_hours: int, gpus: int, kind: str, track: str) -> None:
    found = chosen_of(versions_in_force(), gpu_seconds=gpu_hours * HOUR, gpus=gpus, organisation_kind=kind)
    assert found is not None
    assert found.track.code == track


def test_urgent_is_chosen_and_for_agencies_only(cast: Cast) -> None:
    request = asked(cast, 10)
    request.wanted_track = Track.objects.get(code="urgent")
    assert track_for(request) is None
    cast.organisation.kind = Organisation.Kind.AGENCY
    request.project.organisation.kind = Organisation.Kind.AGENCY
    found = track_for(request)
    assert found is not None
    assert found.track.code == "urgent"


def test_explore_is_decided_by_rule_at_once(cast: Cast) -> None:
    request = submit(cast, 150)
    assert request.state == "approved"
    decision = request.decisions.get()
    assert (decision.decided_by, decision.reason_code) == (None, "rule")
    award = decision.lines.get().award
    assert award is not None
    assert (award.gpu_seconds, award.decided_by) == (150 * HOUR, None)
    assert set(states(request).values()) == {"passed", "skipped"}
    assert AuditRow.objects.filter(action="request_approve", object_code=request.code, actor="").exists()


def test_explore_beyond_what_the_rule_gives_goes_to_people(cast: Cast) -> None:
    for _ in range(5):
        assert submit(cast, 200).state == "approved"
    more = submit(cast, 10)
    assert more.state == "submitted"
    step = more.steps.get(state="open")
    assert step.kind == "decision"
    assert "by rule this quarter" in step.note
    assert services.request_approve(actor=cast.council, request=more).request.state == "approved"


def test_explore_without_capacity_goes_to_people_too(cast: Cast) -> None:
    for row in cast.resource.capacities.all():
        row.gpu_seconds = 0
        row.store("gpu_seconds")
    fund(cast.resource)
    request = submit(cast, 20)
    assert (request.state, Award.objects.count()) == ("submitted", 0)
    assert "are free" in request.steps.get(state="open").note


def test_standard_asks_the_site_and_one_person(cast: Cast) -> None:
    request = submit(cast, 1_000)
    assert states(request)["consent"] == "open"
    with pytest.raises(IllegalState, match="isn't finished"):
        services.request_approve(actor=cast.council, request=request)
    with pytest.raises(NotAllowed):
        services.consent_answer(actor=cast.council, request=request, site=cast.site, given=True)
    consent(cast, request)
    assert services.request_approve(actor=cast.council, request=request).request.state == "approved"


def test_a_silent_site_has_consented(cast: Cast) -> None:
    request = submit(cast, 1_000)
    assert services.steps_sweep() == {"presumed": 0, "escalated": 0}
    SiteConsent.objects.update(due_at=clock.now() - timedelta(minutes=1))
    assert services.steps_sweep()["presumed"] == 1
    assert services.steps_sweep()["presumed"] == 0
    assert SiteConsent.objects.get().state == "presumed"
    assert states(request) == {
        "eligibility": "passed",
        "technical": "passed",
        "ethics": "skipped",
        "consent": "passed",
        "decision": "open",
    }


def test_a_site_that_refuses_isnt_used(cast: Cast) -> None:
    request = submit(cast, 1_000)
    with pytest.raises(InvalidInput, match="reason"):
        services.consent_answer(actor=cast.site_manager, request=request, site=cast.site, given=False)
    services.consent_answer(
        actor=cast.site_manager, request=request, site=cast.site, given=False, reason="Full until May."
    )
    with pytest.raises(InvalidInput, match="refused"):
        services.request_approve(actor=cast.council, request=request)
    elsewhere = site("uet")
    fund(elsewhere)
    request.refresh_from_db()
    assert request.starts_on
    assert request.ends_on
    grant = Grant(request.lines.get(), elsewhere, 1_000 * HOUR, request.starts_on, request.ends_on)
    with pytest.raises(InvalidInput, match="Uet was never asked") as refusal:
        services.request_approve(actor=cast.council, request=request, grants=[grant])
    assert refusal.value.code == "site_not_asked"
    with pytest.raises(NotAllowed):
        services.consent_ask(actor=cast.site_manager, request=request, site=elsewhere.site)
    services.consent_ask(actor=cast.council, request=request, site=elsewhere.site)
    with pytest.raises(IllegalState, match="asked already"):
        services.consent_ask(actor=cast.council, request=request, site=elsewhere.site)
    with pytest.raises(InvalidInput, match="hasn't answered"):
        services.request_approve(actor=cast.council, request=request, grants=[grant])
    SiteConsent.objects.filter(state="asked").update(due_at=clock.now() - timedelta(minutes=1))
    services.steps_sweep()
    decision = services.request_approve(actor=cast.council, request=request, grants=[grant])
    award = decision.lines.get().award
    assert award is not None
    assert award.allocation.resource == elsewhere


def test_an_overdue_step_is_told_once(cast: Cast) -> None:
    request = submit(cast, 1_000)
    consent(cast, request)
    RequestStep.objects.filter(state="open").update(due_at=clock.now() - timedelta(minutes=1))
    assert services.steps_sweep()["escalated"] == 1
    assert services.steps_sweep()["escalated"] == 0
    assert Notice.objects.filter(kind="request_overdue", user=cast.admin).count() == 1


def test_high_risk_is_looked_at_by_the_council(cast: Cast) -> None:
    request = asked(cast, 100)
    request.ai_risk, request.ai_risk_note = "high", "Faces of patients."
    request.store("ai_risk", "ai_risk_note")
    request = services.request_submit(actor=cast.pi, request=request)
    assert states(request)["ethics"] == "open"
    with pytest.raises(NotAllowed):
        services.step_close(actor=cast.admin, request=request, passed=True)
    with pytest.raises(InvalidInput):
        services.step_close(actor=cast.council, request=request, passed=False)
    done = services.step_close(actor=cast.council, request=request, passed=True, note="Consent is there.")
    assert done.state == "approved"  # then the rule decides


def test_national_takes_two_persons(cast: Cast) -> None:
    request = large(cast, 60_000)
    first = services.request_approve(actor=cast.council, request=request)
    assert (first.request.state, Award.objects.count()) == ("under_review", 0)
    with pytest.raises(NotAllowed):
        services.request_approve(actor=cast.council, request=request)
    other = second(cast)
    with pytest.raises(InvalidInput, match="confirms"):
        services.request_approve(actor=other, request=request, gpu_seconds=HOUR, reason="Less.")
    done = services.request_approve(actor=other, request=request)
    assert done.request.state == "approved"
    award = done.lines.get().award
    assert award is not None
    assert award.gpu_seconds == 60_000 * HOUR
    # Half of it comes with an accepted progress report.
    assert withheld_of([award.allocation.code])[award.allocation.code] == 30_000 * HOUR
    assert balances(award.allocation.code).granted == 60_000 * HOUR


def test_the_deputy_of_the_first_takes_the_same_seat(cast: Cast) -> None:
    request = large(cast, 60_000)
    services.request_approve(actor=cast.council, request=request)
    deputy = person("deputy")
    today = clock.today()
    Deputy.objects.create(person=cast.council, deputy=deputy, starts_on=today, ends_on=today, reason="Leave")
    with pytest.raises(NotAllowed):
        services.request_approve(actor=deputy.fresh(), request=request)
    other = second(cast)
    Deputy.objects.create(person=other, deputy=deputy, starts_on=today, ends_on=today, reason="Leave")
    decision = services.request_approve(actor=deputy.fresh(), request=request)
    assert (decision.on_behalf_of, decision.request.state) == (other, "approved")


def test_a_declared_conflict_keeps_from_deciding(cast: Cast) -> None:
    request = submit(cast, 1_000)
    consent(cast, request)
    services.conflict_declare(actor=cast.council, request=request, severity="apparent", note="My cousin's.")
    with pytest.raises(NotAllowed):
        services.request_approve(actor=cast.council, request=request)
    services.conflict_declare(actor=cast.admin, request=request, severity="potential", note="Old friends.")
    assert services.request_approve(actor=cast.admin, request=request).request.state == "approved"
    assert Conflict.objects.count() == 2


def test_any_suitable_site_is_found_a_place(cast: Cast) -> None:
    larger = site("uet", hours_a_quarter=20_000)
    fund(larger)
    request = asked(cast, 100)
    line = request.lines.get()
    line.resource, line.any_suitable = None, True
    line.store("resource", "any_suitable")
    request = services.request_submit(actor=cast.pi, request=request)
    assert request.decisions.get().lines.get().resource == larger


def test_what_isnt_free_waits_and_is_served_in_order(cast: Cast) -> None:
    holder = submit(cast, 5_000)
    consent(cast, holder)
    services.request_approve(actor=cast.council, request=holder)
    everything = submit(cast, 5_000)
    consent(cast, everything)
    services.request_approve(actor=cast.council, request=everything)
    queue = []
    for gpu_hours in (1_000, 500):
        request = submit(cast, gpu_hours)
        consent(cast, request)
        with pytest.raises(Refused):
            services.request_approve(actor=cast.council, request=request)
        decision = services.request_approve(actor=cast.council, request=request, wait=True)
        assert decision.request.state == "approved"
        assert decision.lines.get().award is None
        queue.append(decision.lines.get().waiting)
    first = Allocation.objects.get(awards__fulfilment__decision__request=holder)
    allocation_give_back(
        allocation=first, gpu_seconds=1_200 * HOUR, actor=cast.pi, reason="Done early", key="back"
    )
    drain()
    assert OutboxRow.objects.filter(topic="pool_freed", done_at__isnull=False).exists()
    assert services.waiting_serve(resource=cast.resource) == 1_200 * HOUR
    served = [(entry.state, entry.served_gpu_seconds) for entry in WaitingEntry.objects.order_by("id")]
    assert served == [("served", 1_000 * HOUR), ("waiting", 200 * HOUR)]
    waits = queue[1]
    with pytest.raises(NotAllowed):
        services.waiting_withdraw(actor=cast.outsider, entry=waits)
    assert services.waiting_withdraw(actor=cast.pi, entry=waits).state == "withdrawn"
    assert services.waiting_serve(resource=cast.resource) == 0


def drain() -> None:
    OutboxRow.objects.exclude(topic="pool_freed").update(done_at=clock.now())
    outbox.drain()


def test_a_resubmission_begins_a_new_round(cast: Cast) -> None:
    request = submit(cast, 1_000)
    services.request_return(actor=cast.council, request=request, reason="Which model?")
    request.refresh_from_db()
    request.justification = "Whisper, 300 million parameters."
    request.store("justification")
    again = services.request_submit(actor=cast.pi, request=request)
    assert (again.round, again.versions.count()) == (2, 2)
    assert again.steps.filter(round=1, state="open").count() == 0
    consent(cast, again)
    assert services.request_approve(actor=cast.council, request=again).request.state == "approved"


def test_a_request_keeps_the_version_it_was_filed_under(cast: Cast) -> None:
    request = submit(cast, 1_000)
    track = Track.objects.get(code="standard")
    newer = TrackVersion.objects.create(track=track, number=2, max_gpu_seconds=1)
    TrackStep.objects.create(version=newer, position=0, kind="decision", roles=["council"], persons=2)
    consent(cast, request)
    assert services.request_approve(actor=cast.council, request=request).request.state == "approved"


def test_the_clock_is_public(cast: Cast) -> None:
    request = submit(cast, 1_000)
    shown = clock_of(AllocationRequest.objects.get(pk=request.pk))
    assert shown is not None
    assert (shown.track, shown.holder) == ("Standard", str(cast.site))
    assert shown.since is not None
    assert shown.target_at == working_days_after(request.steps.earliest("opened_at").opened_at, 3)
    assert [step.state for step in shown.steps] == ["passed", "passed", "skipped", "open", "pending"]


def test_weekends_dont_count() -> None:
    friday = clock.midnight(clock.today())
    while friday.astimezone(clock.KARACHI).weekday() != 4:
        friday += timedelta(days=1)
    assert working_days_after(friday, 1) == friday + timedelta(days=3)


def large(cast: Cast, gpu_hours: int) -> AllocationRequest:
    """A national request that waits for its decision."""
    for row in cast.resource.capacities.all():
        row.gpu_seconds = 100_000 * HOUR
        row.store("gpu_seconds")
    fund(cast.resource)
    request = submit(cast, gpu_hours)
    services.step_close(actor=cast.admin, request=request, passed=True, note="It can run.")
    consent(cast, request)
    return AllocationRequest.objects.get(pk=request.pk)
