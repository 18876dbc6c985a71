"""Which sites are asked about a request, when, and whose words hold: by the rules that it was filed under."""

from typing import Any

import pytest

from allocations.lifecycle import services as lifecycle
from allocations.programme import services
from allocations.programme.models import AllocationRequest, SiteConsent, Track
from allocations.programme.services.consents import asks_sites, consents_of, may_ask_more, sites_to_ask
from portal.foundation.errors import IllegalState
from tests.cast import Cast, site
from tests.lifecycling import decider
from tests.requesting import HOUR, fund, plain_track, stepped, submitted

pytestmark = pytest.mark.django_db

TECHNICAL = {"kind": "technical", "roles": ["admin"]}


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def consenting(*first: dict[str, Any]) -> Track:
    """On this track sites are asked, after the steps `first`, and one person decides."""
    return stepped(*first, {"kind": "consent", "roles": ["site"], "working_days": 1})


def again(cast: Cast, request: AllocationRequest) -> AllocationRequest:
    """Returned and handed in anew, on the plain track, on which no site is asked."""
    services.request_return(actor=cast.admin, request=request, reason="Which model?")
    request.refresh_from_db()
    request.wanted_track = plain_track()
    request.store("wanted_track")
    return services.request_submit(actor=cast.pi, request=request)


def answer(cast: Cast, request: AllocationRequest, *, given: bool) -> SiteConsent:
    return services.consent_answer(
        actor=cast.site_manager, request=request, site=cast.site, given=given, reason="" if given else "Full."
    )


def reopened(cast: Cast, request: AllocationRequest) -> AllocationRequest:
    """Declined, appealed against, and upheld."""
    services.request_decline(actor=cast.council, request=request, reason="No site takes it.")
    request.refresh_from_db()
    appeal = lifecycle.appeal_file(actor=cast.pi, subject=request, grounds="It would now.")
    lifecycle.appeal_decide(actor=cast.admin, appeal=appeal, outcome="upheld", reason="Indeed.")
    request.refresh_from_db()
    return request


@pytest.mark.parametrize("refused", [True, False])
def test_a_track_that_asks_no_sites_holds_nobody_up(cast: Cast, refused: bool) -> None:
    request = submitted(cast, track=consenting())
    if refused:
        answer(cast, request, given=False)
    request = again(cast, request)
    assert not asks_sites(request)
    assert consents_of(request) == {}
    decision = services.request_approve(actor=cast.council, request=request, gpu_seconds=100 * HOUR)
    assert decision.request.state == "approved"


def test_further_sites_are_asked_after_those_of_the_lines(cast: Cast) -> None:
    elsewhere = site("uet").site
    request = submitted(cast, track=consenting(TECHNICAL))
    for _ in ("technical check", "consent"):
        assert not may_ask_more(request)
        with pytest.raises(IllegalState, match="answer first"):
            services.consent_ask(actor=cast.council, request=request, site=elsewhere)
        if request.steps.get(state="open").kind == "technical":
            services.step_close(actor=cast.admin, request=request, passed=True, kind="technical")
    answer(cast, request, given=True)
    request.refresh_from_db()
    assert may_ask_more(request)
    assert services.consent_ask(actor=cast.council, request=request, site=elsewhere).state == "asked"
    assert request.steps.get(state="open").kind == "decision", "it waits for nobody"


@pytest.mark.parametrize(("word", "ends"), [("given", "passed"), ("refused", "failed")])
def test_a_site_that_answered_before_is_waited_for_by_nobody(cast: Cast, word: str, ends: str) -> None:
    request = submitted(cast, track=consenting(TECHNICAL))
    early = SiteConsent.objects.create(
        request=request, round=1, site=cast.site, due_at=request.steps.get(state="open").due_at
    )
    SiteConsent.objects.filter(pk=early.pk).update(state=word)
    services.step_close(actor=cast.admin, request=request, passed=True, kind="technical")
    assert request.steps.get(kind="consent").state == ends
    assert request.steps.get(state="open").kind == "decision"


def test_who_refused_before_an_appeal_is_asked_anew(cast: Cast) -> None:
    request = submitted(cast, track=consenting())
    answer(cast, request, given=False)
    request = reopened(cast, request)
    other = decider("third")
    assert list(sites_to_ask(request)) == [cast.site]
    services.consent_ask(actor=other, request=request, site=cast.site)
    assert consents_of(request) == {cast.site.pk: "asked"}
    with pytest.raises(IllegalState, match="asked already"):
        services.consent_ask(actor=other, request=request, site=cast.site)
    assert not sites_to_ask(request)
    assert answer(cast, request, given=True).round == request.round == 2
    decision = services.request_approve(actor=other, request=request, gpu_seconds=100 * HOUR)
    assert decision.request.state == "approved"


def test_who_consented_before_an_appeal_isnt_asked_again(cast: Cast) -> None:
    request = submitted(cast, track=consenting())
    answer(cast, request, given=True)
    request = reopened(cast, request)
    with pytest.raises(IllegalState, match="asked already"):
        services.consent_ask(actor=decider("third"), request=request, site=cast.site)
