"""One request of each track, from a draft to an active allocation, with everybody who has a part in it."""

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import journeys, programme
from tests.e2e.journeys import state_of
from tests.e2e.portal import Portal

NED = "Astrolabe NED · Astrolabe NED H100"
SITE = "astrolabe-ned"


class Parties:
    """Everybody's browser, opened when first needed."""

    def __init__(self, portal: Portal, signed_in: Callable[..., Page]) -> None:
        self._portal, self._signed_in, self._pages = portal, signed_in, dict[str, Page]()

    def __getattr__(self, login: str) -> Page:
        if login.startswith("_"):
            raise AttributeError(login)
        if login not in self._pages:
            self._pages[login] = self._signed_in(self._portal, login)
        return self._pages[login]


@pytest.fixture
def parties(portal_run: Portal, signed_in: Callable[..., Page]) -> Parties:
    return Parties(portal_run, signed_in)


def project_of(page: Page, title: str) -> str:
    return journeys.begin_project(page, f"{title} {secrets.token_hex(3)}")


def test_explore_is_active_by_itself(parties: Parties) -> None:
    project = project_of(parties.researcher, "Small floods")
    request = journeys.ask(parties.researcher, project, NED, "20")
    programme.becomes_active(parties.researcher, request)


def test_standard_returned_resubmitted_and_granted_in_part(parties: Parties) -> None:
    pi = parties.researcher
    project = project_of(pi, "River floods")
    request = programme.ask_in_full(pi, project, NED, "500")
    expect(pi.get_by_role("complementary", name="About this request")).to_contain_text(
        "Astrolabe NED"
    )  # the clock: who holds it
    programme.decide(parties.council, request, "Return", reason="Which rivers?")
    pi.goto(f"/requests/{request}/edit/")
    pi.get_by_label("Justification").fill(f"{programme.PURPOSE} The Indus and the Chenab.")
    programme.go_on(pi)
    pi.goto(f"/requests/{request}/submit/")
    programme.hand_in(pi)
    programme.consent(parties.site, request, SITE)
    programme.approve(parties.council, request, gpu_hours="300", reason="Enough for two rivers.")
    allocation = programme.becomes_active(pi, request)
    assert programme.available(pi, allocation) == 300 * journeys.HOUR
    pi.goto(f"/requests/{request}/")
    expect(pi.get_by_role("main")).to_contain_text("The Indus and the Chenab.")


def test_large_within_a_call_with_three_blind_reviews(parties: Parties) -> None:
    pi = parties.researcher
    project = project_of(pi, "National floods")
    pi.goto("/calls/")
    is_open = pi.locator("main tbody tr").filter(has=pi.get_by_text("Open", exact=True))
    call = is_open.locator("a[href^='/calls/cal-']").first.inner_text()
    request = programme.ask_in_full(pi, project, NED, "6000", gpus=8, call=call)
    programme.check(parties.admin, request)
    asked = programme.invite_reviewers(parties.admin, request, 3)
    done = set()
    for reviewer in (parties.reviewer, parties.reviewer2, parties.reviewer3, parties.reviewer4):
        reviewer.goto("/reviews/")
        for review in asked & programme.reviews_on(reviewer):
            programme.review(reviewer, review, 4)
            expect(reviewer.get_by_role("main")).not_to_contain_text("Indus University")
            done.add(review)
    assert done == asked
    assert len(asked) == 3
    programme.consent(parties.site, request, SITE)
    parties.admin.goto("/reviews/panel/")
    expect(parties.admin.get_by_role("main")).to_contain_text("National floods")
    programme.approve(parties.council, request)
    allocation = programme.becomes_active(pi, request)
    # Half of it waits for a progress report.
    assert programme.available(pi, allocation) == 3_000 * journeys.HOUR


def test_national_needs_two_of_the_council(parties: Parties) -> None:
    pi = parties.researcher
    project = project_of(pi, "All rivers")
    request = programme.ask_in_full(pi, project, NED, "100", gpus=60)
    programme.check(parties.admin, request)
    programme.consent(parties.site, request, SITE)
    programme.approve(parties.council, request)
    expect(state_of(parties.council)).to_have_text("Under review")
    programme.approve(parties.council2, request)
    programme.becomes_active(pi, request)


def test_urgent_for_an_agency_by_two_persons(parties: Parties) -> None:
    pi = parties.agency
    project = project_of(pi, "Flood warning")
    request = programme.ask_in_full(pi, project, NED, "400", track="Government urgent")
    programme.approve(parties.council, request)
    expect(state_of(parties.council)).to_have_text(re.compile("Submitted|Under review"))
    programme.approve(parties.admin, request)
    programme.becomes_active(pi, request)


def test_classroom_with_a_student(parties: Parties) -> None:
    pi = parties.researcher
    project = project_of(pi, "Deep learning")
    code = programme.open_course(pi, project)
    request = programme.ask_in_full(pi, project, NED, "300", track="Classroom")
    programme.consent(parties.site, request, SITE)
    programme.approve(parties.council, request)
    programme.becomes_active(pi, request)
    programme.join_course(parties.outsider, code)


def test_declined_appealed_and_upheld(parties: Parties) -> None:
    pi = parties.researcher
    project = project_of(pi, "Overlooked floods")
    request = programme.ask_in_full(pi, project, NED, "450")
    programme.consent(parties.site, request, SITE)
    programme.decide(
        parties.council, request, "Decline", reason="No partner.", remedy="A letter of the flood commission."
    )
    pi.goto(f"/requests/{request}/")
    expect(pi.get_by_role("main")).to_contain_text("A letter of the flood commission.")
    appeal = programme.appeal(pi, request)
    programme.uphold(parties.admin, appeal)
    parties.council.goto(f"/requests/{request}/decide/")
    expect(parties.council.get_by_role("heading", level=1)).not_to_contain_text("Overlooked floods")
    programme.approve(parties.council2, request)
    programme.becomes_active(pi, request)


def test_withdrawn(parties: Parties) -> None:
    pi = parties.researcher
    project = project_of(pi, "Second thoughts")
    request = programme.ask_in_full(pi, project, NED, "250")
    pi.goto(f"/requests/{request}/withdraw/")
    pi.locator("main form").get_by_role("button").first.click()
    expect(state_of(pi)).to_have_text("Withdrawn")
    parties.council.goto("/requests/pending/")
    expect(parties.council.locator(f"main a[href*='{request}']")).to_have_count(0)
