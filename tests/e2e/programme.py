"""What people do with requests in the browser, from the long form to the last word, as they see it."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from portal.foundation import clock
from tests.e2e import journeys
from tests.e2e.journeys import code_in, state_of

PURPOSE = "We train a model of floods on satellite pictures and publish it with its data."
GRANT = re.compile("^Approve")


def ask_in_full(
    page: Page,
    project: str,
    resource: str,
    gpu_hours: str,
    *,
    gpus: int = 4,
    track: str = "",
    call: str = "",
    days: int = 60,
) -> str:
    """Through all steps of the long form to its submission; returns the request's code."""
    begin(page, project, track=track, call=call)
    today = clock.today()
    page.get_by_label("From", exact=True).fill(today.isoformat())
    page.get_by_label("Until", exact=True).fill((today + timedelta(days=days)).isoformat())
    page.locator("[name=runs-0-model]").fill("Segmentation model, 300 M parameters")
    page.locator("[name=runs-0-gpus]").fill(str(gpus))
    page.locator("[name=runs-0-hours]").fill("12")
    page.locator("[name=runs-0-runs]").fill("10")
    page.locator("[name=lines-0-where]").select_option(label=resource)
    page.locator("[name=lines-0-gpu_hours]").fill(gpu_hours)
    go_on(page)
    go_on(page)
    page.get_by_role("radio", name=re.compile("^Minimal")).check()
    go_on(page)
    return hand_in(page)


def begin(page: Page, project: str, *, track: str = "", call: str = "") -> None:
    """The first step of the long form."""
    page.goto(f"/requests/new/full/?project={project}")
    page.get_by_label("Justification").fill(PURPOSE)
    if track:
        page.locator("[name=wanted_track]").select_option(label=track)
    if call:
        page.locator("[name=call]").select_option(label=call)
    go_on(page)


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Save and continue").click()


def hand_in(page: Page) -> str:
    """On the last step."""
    consent = page.get_by_role("checkbox", name="I accept the")
    if consent.count():
        consent.check()
    page.get_by_role("button", name="Submit the request").click()
    expect(state_of(page)).to_have_text(re.compile("Submitted|Under review|Approved"))
    return code_in(page)


def check(page: Page, request: str) -> None:
    """Pass the check that is open."""
    page.goto(f"/requests/{request}/check/")
    page.get_by_role("radio", name="It passes").check()
    page.get_by_label("Note").fill("It can run as described.")
    page.get_by_role("button", name="Record the check").click()
    expect(state_of(page)).to_have_text(re.compile("Under review|Approved"))


def consent(page: Page, request: str, site: str) -> None:
    page.goto(f"/requests/{request}/consent/{site}/")
    page.get_by_role("radio", name="The site takes it").check()
    page.get_by_role("button", name="Record the answer").click()
    expect(state_of(page)).to_have_text("Under review")


def decide(
    page: Page, request: str, outcome: str, *, gpu_hours: str = "", reason: str = "", remedy: str = ""
) -> None:
    """`outcome`: Approve, Return or Decline."""
    page.goto(f"/requests/{request}/decide/")
    page.get_by_role("radio", name=re.compile(f"^{outcome}")).check()
    if gpu_hours:
        page.locator("[name=gpu_hours_0]").fill(gpu_hours)
    page.get_by_label("Reason or question").fill(reason)
    page.get_by_label("What would have passed").fill(remedy)
    page.get_by_role("button", name="Record the decision").click()
    page.wait_for_url(re.compile(f"/requests/{request}/$"))


def approve(page: Page, request: str, *, gpu_hours: str = "", reason: str = "") -> None:
    decide(page, request, "Approve", gpu_hours=gpu_hours, reason=reason)


def becomes_active(page: Page, request: str) -> str:
    """As somebody of the project: the request is approved, and its allocation runs. Returns its code."""
    page.goto(f"/requests/{request}/")
    expect(state_of(page)).to_have_text("Approved")
    link = page.get_by_role("main").locator("a[href^='/allocations/']").first
    allocation: str = link.get_attribute("href").strip("/").split("/")[1]
    journeys.wait_for_state(page, f"/allocations/{allocation}/", "Active")
    return allocation


def available(page: Page, allocation: str) -> int:
    """GPU-seconds that jobs may use now, as the allocation's ledger has them."""
    page.goto(f"/allocations/{allocation}/ledger/")
    return journeys.shown_seconds(page, "Available")


def invite_reviewers(page: Page, request: str, count: int) -> set[str]:
    """As a programme admin: confirm those that were proposed. Returns the codes of their reviews."""
    page.goto(f"/requests/{request}/reviewers/")
    expect(page.locator("[name=reviewers]:checked")).to_have_count(count)
    page.locator("main form").get_by_role("button").first.click()
    page.wait_for_url(re.compile("/reviews/$"))
    return reviews_on(page)


def reviews_on(page: Page) -> set[str]:
    """The codes of the reviews to which this page leads."""
    links = page.get_by_role("main").locator("a[href^='/reviews/rev-']").all()
    return {str(link.get_attribute("href")).split("/")[2] for link in links}


def review(page: Page, code: str, score: int) -> None:
    """As its reviewer: score the request."""
    page.goto(f"/reviews/{code}/")
    for field in page.locator("select[name^=score_]").all():
        field.select_option(str(score))
    page.locator("[name=recommendation]").first.check()
    page.get_by_label("For the applicant").fill("Clear and well prepared.")
    page.get_by_role("button", name=re.compile("^Submit")).click()
    expect(state_of(page)).to_have_text("Submitted")


def appeal(page: Page, request: str) -> str:
    """As the PI of a declined request; returns the appeal's code."""
    page.goto(f"/requests/{request}/appeal/")
    page.get_by_label("Grounds").fill("The letter of the flood commission was overlooked.")
    page.locator("main form").get_by_role("button").first.click()
    page.wait_for_url(re.compile("/appeals/[a-z]+-"))
    return code_in(page)


def uphold(page: Page, appeal_code: str) -> None:
    page.goto(f"/appeals/{appeal_code}/decide/")
    page.get_by_role("radio", name="Uphold the appeal").check()
    page.get_by_label("Reason").fill("The letter was there.")
    page.get_by_role("button", name="Record the decision").click()
    expect(state_of(page)).to_have_text("Upheld")


def open_course(page: Page, project: str) -> str:
    """As the PI; returns the code with which students join."""
    page.goto(f"/projects/{project}/course/open/")
    page.get_by_label("Course").fill("CS-599 Deep learning")
    page.get_by_label("GPU-hours per student").fill("10")
    page.get_by_label("Most students").fill("30")
    page.get_by_label("Last day").fill((clock.today() + timedelta(days=60)).isoformat())
    page.locator("main form").get_by_role("button").first.click()
    page.wait_for_url(f"**/projects/{project}/course/")
    code: str = page.locator(".stat:has(.stat__label:text-is('Code')) .stat__value").inner_text()
    return code.strip()


def join_course(page: Page, code: str) -> None:
    """As a student; ends at the project."""
    page.goto("/courses/join/")
    page.get_by_label("Code", exact=True).fill(code)
    page.locator("main form").get_by_role("button").first.click()
    page.wait_for_url(re.compile("/projects/prj-"))
