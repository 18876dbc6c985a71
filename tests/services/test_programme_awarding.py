"""Awards made after the decision hang on it: instalments, reports, letters and the register know them."""

from datetime import timedelta
from typing import Any

import pytest

from allocations.awards.letters.words import conditions_of
from allocations.awards.models import Allocation, Award
from allocations.awards.services import allocation_activate, allocation_give_back, award_make
from allocations.ledger.selectors import withheld_of
from allocations.lifecycle import services as lifecycle
from allocations.lifecycle.models import ReclaimRuleVersion
from allocations.lifecycle.reclaim_plan import in_scope
from allocations.lifecycle.services.reports import version_of
from allocations.programme import services
from allocations.programme.models import (
    AllocationRequest,
    Decision,
    RequestLine,
    SiteConsent,
    Track,
    WaitingEntry,
)
from allocations.programme.services.consents import consents_of
from allocations.programme.services.grants import Grant
from allocations.reports.register.entries import entries, published
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from tests.calling import plain_call, within
from tests.cast import Cast, site
from tests.lifecycling import NOW, adds_up, ask, decider, strict_track
from tests.requesting import HOUR, fund, stepped, submitted

pytestmark = pytest.mark.django_db
CAPACITY = 10_000


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def taken(cast: Cast, gpu_hours: int) -> Allocation:
    """So much of this quarter is somebody's."""
    return award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=gpu_hours * HOUR,
        starts_on=clock.today(),
        ends_on=NOW.last_day,
    ).allocation


def elsewhere_of(code: str) -> Resource:
    resource = site(code)
    fund(resource)
    return resource


def give_back(cast: Cast, allocation: Allocation, gpu_hours: int) -> None:
    allocation_give_back(
        allocation=allocation, gpu_seconds=gpu_hours * HOUR, actor=cast.pi, reason="Done", key=str(gpu_hours)
    )


def waiting(cast: Cast, gpu_hours: int = 100, **fields: Any) -> WaitingEntry:
    request = submitted(cast, gpu_seconds=gpu_hours * HOUR, **{"ends_on": NOW.last_day, **fields})
    decision = services.request_approve(
        actor=cast.council,
        request=request,
        gpu_seconds=gpu_hours * HOUR,
        wait=True,
        conditions="Publish the weights.",
    )
    entry: WaitingEntry = decision.lines.get().waiting
    return entry


def instalments(**rules: Any) -> Track:
    return strict_track(first_instalment_percent=50, **rules)


def test_what_waited_is_known_as_the_decisions(cast: Cast) -> None:
    holder = taken(cast, CAPACITY)
    track = instalments()
    entry = waiting(cast, track=track, abstract_withheld=True, withheld_reason="A patent.")
    decision = entry.decision_line.decision
    give_back(cast, holder, 60)
    assert services.waiting_serve(resource=cast.resource) == 60 * HOUR
    award = Award.objects.get(fulfilment__decision=decision)
    allocation = allocation_activate(allocation=award.allocation)
    assert withheld_of([allocation.code])[allocation.code] == 30 * HOUR
    assert conditions_of(award) == ["Publish the weights."]
    assert version_of(allocation) == decision.request.track_version
    assert [report.kind for report in lifecycle.reports_plan(allocation=allocation)] == ["progress"]
    found = next(each for each in entries(published()) if each.allocation == allocation)
    assert (found.abstract, found.track) == (None, track)
    assert allocation in in_scope(ReclaimRuleVersion(track=track), at=clock.now())
    give_back(cast, holder, 40)
    services.waiting_serve(resource=cast.resource)
    assert decision.fulfilments.count() == 2
    assert allocation.awards.count() == 2
    assert withheld_of([allocation.code])[allocation.code] == 50 * HOUR
    adds_up(allocation)


def partly(cast: Cast, **fields: Any) -> Decision:
    request = fields.pop("request", None) or submitted(cast, **fields)
    return services.request_approve(
        actor=cast.council,
        request=request,
        gpu_seconds=60 * HOUR,
        reason="Enough to begin.",
        conditions="Publish the weights.",
    )


def upheld(cast: Cast, decision: Decision) -> None:
    request = AllocationRequest.objects.get(pk=decision.request_id)
    appeal = lifecycle.appeal_file(actor=cast.pi, subject=request, grounds="The baseline was misread.")
    lifecycle.appeal_decide(actor=cast.admin, appeal=appeal, outcome="upheld", reason="Indeed.")


def test_what_an_appeal_gave_is_known_as_the_decisions(cast: Cast) -> None:
    decision = partly(cast, track=instalments())
    upheld(cast, decision)
    first, later = decision.fulfilments.all()
    assert (first.on_appeal, later.on_appeal) == (False, True)
    assert (later.award.gpu_seconds, later.award.allocation) == (40 * HOUR, first.award.allocation)
    assert conditions_of(later.award) == ["Publish the weights."]
    code = first.award.allocation.code
    assert withheld_of([code])[code] == 50 * HOUR


def test_a_line_that_got_nothing_is_known_too(cast: Cast) -> None:
    request = submitted(cast)
    line = RequestLine.objects.create(
        request=request, position=1, resource=elsewhere_of("uet"), gpu_seconds=50 * HOUR
    )
    assert request.starts_on
    assert request.ends_on
    first = request.lines.get(position=0)
    grant = Grant(first, cast.resource, 100 * HOUR, request.starts_on, request.ends_on)
    decision = services.request_approve(
        actor=cast.council, request=request, grants=[grant], reason="One place is enough."
    )
    upheld(cast, decision)
    later = decision.fulfilments.get(line=line)
    assert (later.on_appeal, later.award.gpu_seconds) == (True, 50 * HOUR)
    assert later.award.allocation.resource == line.resource


def test_an_appeal_goes_through_the_gate_of_a_decision(cast: Cast) -> None:
    call = plain_call(cast)
    services.call_budget_set(actor=cast.admin, call=call, resource=cast.resource, gpu_seconds=80 * HOUR)
    decision = partly(cast, request=within(cast, call))
    with pytest.raises(Refused) as refusal:
        upheld(cast, decision)
    assert refusal.value.code == "over_budget"


@pytest.mark.parametrize("code", ["organisation_unverified", "resource_closed", "data_class"])
def test_an_appeal_gives_nothing_to_who_couldnt_ask_today(cast: Cast, code: str) -> None:
    decision = partly(cast)
    if code == "organisation_unverified":
        cast.organisation.verifications.update(expires_on=clock.today() - timedelta(days=1))
    elif code == "resource_closed":
        cast.resource.is_open = False
        cast.resource.store("is_open")
    else:
        cast.project.data_class = "restricted"
        cast.project.store("data_class")
    with pytest.raises(InvalidInput) as refusal:
        upheld(cast, decision)
    assert refusal.value.code == code
    assert Award.objects.count() == 1


def test_a_supplement_is_kept_back_in_part_like_the_award(cast: Cast) -> None:
    decision = partly(cast, track=instalments(), gpu_seconds=60 * HOUR, ends_on=NOW.last_day)
    award = decision.lines.get().award
    assert award is not None
    allocation = allocation_activate(allocation=award.allocation)
    change = ask(cast, allocation, "more", gpu_seconds=50 * HOUR)
    lifecycle.change_decide(actor=cast.council, change=change, outcome="approved")
    assert withheld_of([allocation.code])[allocation.code] == 55 * HOUR
    report = lifecycle.reports_plan(allocation=allocation)[0]
    lifecycle.report_write(actor=cast.pi, report=report, submit=True, results="It learns.")
    lifecycle.report_answer(actor=cast.admin, report=report, outcome="accepted")
    assert withheld_of([allocation.code])[allocation.code] == 0
    again = ask(cast, allocation, "more", gpu_seconds=10 * HOUR)
    if again.state == "requested":
        lifecycle.change_decide(actor=cast.council, change=again, outcome="approved")
    assert withheld_of([allocation.code])[allocation.code] == 5 * HOUR
    lifecycle.reports_plan(allocation=allocation)
    assert withheld_of([allocation.code])[allocation.code] == 0
    adds_up(allocation)


# --- Consents -----------------------------------------------------------------------------------------------
def consenting(cast: Cast, **fields: Any) -> AllocationRequest:
    """On a track on which sites are asked and one person decides."""
    track = stepped({"kind": "consent", "roles": ["site"], "working_days": 1})
    return submitted(cast, track=track, **fields)


def test_a_refusal_counts_after_an_appeal_too(cast: Cast) -> None:
    request = consenting(cast)
    services.consent_answer(
        actor=cast.site_manager, request=request, site=cast.site, given=False, reason="Full."
    )
    services.request_decline(actor=cast.council, request=request, reason="No site takes it.")
    request.refresh_from_db()
    appeal = lifecycle.appeal_file(actor=cast.pi, subject=request, grounds="Another would.")
    lifecycle.appeal_decide(actor=cast.admin, appeal=appeal, outcome="upheld", reason="Indeed.")
    request.refresh_from_db()
    assert request.round == 2
    other = decider("third")
    with pytest.raises(InvalidInput) as refusal:
        services.request_approve(actor=other, request=request, gpu_seconds=100 * HOUR)
    assert refusal.value.code == "site_refused"
    elsewhere = elsewhere_of("uet")
    assert request.starts_on
    assert request.ends_on
    grant = Grant(request.lines.get(), elsewhere, 100 * HOUR, request.starts_on, request.ends_on)
    with pytest.raises(InvalidInput, match="Uet was never asked"):
        services.request_approve(actor=other, request=request, grants=[grant])
    services.consent_ask(actor=other, request=request, site=elsewhere.site)
    consent = SiteConsent.objects.get(site=elsewhere.site)
    assert (consent.round, consents_of(request)) == (
        2,
        {cast.site.pk: "refused", elsewhere.site.pk: "asked"},
    )
    SiteConsent.objects.filter(pk=consent.pk).update(state="given")
    assert services.request_approve(actor=other, request=request, grants=[grant]).request.state == "approved"


def test_a_resubmission_asks_all_sites_anew(cast: Cast) -> None:
    request = consenting(cast)
    services.consent_answer(actor=cast.site_manager, request=request, site=cast.site, given=True)
    services.request_return(actor=cast.council, request=request, reason="Which model?")
    request.refresh_from_db()
    request = services.request_submit(actor=cast.pi, request=request)
    assert consents_of(request) == {cast.site.pk: "asked"}


def test_who_waits_isnt_served_at_a_site_that_refuses_now(cast: Cast) -> None:
    holder = taken(cast, CAPACITY)
    request = consenting(cast, ends_on=NOW.last_day)
    services.consent_answer(actor=cast.site_manager, request=request, site=cast.site, given=True)
    services.request_approve(actor=cast.council, request=request, gpu_seconds=100 * HOUR, wait=True)
    behind = waiting(cast)
    SiteConsent.objects.filter(request=request).update(state="refused")
    give_back(cast, holder, 100)
    assert services.waiting_serve(resource=cast.resource) == 100 * HOUR
    behind.refresh_from_db()
    assert behind.state == "served"


def test_a_track_without_consents_asks_no_site(cast: Cast) -> None:
    with pytest.raises(InvalidInput, match="asks no sites"):
        services.consent_ask(actor=cast.council, request=submitted(cast), site=elsewhere_of("uet").site)


# --- One line twice, another round --------------------------------------------------------------------------
def test_a_line_is_granted_once(cast: Cast) -> None:
    request = submitted(cast)
    assert request.starts_on
    assert request.ends_on
    grant = Grant(request.lines.get(), cast.resource, 40 * HOUR, request.starts_on, request.ends_on)
    with pytest.raises(InvalidInput, match="granted twice") as refusal:
        services.request_approve(actor=cast.council, request=request, grants=[grant, grant], reason="So.")
    assert refusal.value.field == "lines"


@pytest.mark.parametrize("outcome", ["approved", "declined", "returned"])
def test_a_form_sent_late_decides_no_later_round(cast: Cast, outcome: str) -> None:
    request = submitted(cast)
    read = request.round
    services.request_return(actor=cast.admin, request=request, reason="Which model?")
    request.refresh_from_db()
    services.request_submit(actor=cast.pi, request=request)
    word = {"actor": cast.council, "request": request, "outcome": outcome, "reason": "So.", "gpu_hours": 100}
    with pytest.raises(IllegalState) as refusal:
        services.request_decide(**word, round=read)
    assert refusal.value.code == "other_round"
    assert services.request_decide(**word, round=read + 1).outcome == outcome
