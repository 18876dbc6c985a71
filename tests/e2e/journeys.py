"""What people do in the browser, step by step, as they see it: by labels and buttons."""

import re
from datetime import timedelta

from playwright.sync_api import Locator, Page, expect

from portal.foundation import clock
from tests.e2e.portal import PASSWORD, SIGN_IN, demo

HOUR = 3600


def code_in(page: Page) -> str:
    """The public code in the address of the page of one thing."""
    return page.url.rstrip("/").rsplit("/", 1)[1]


def sign_in(page: Page, login: str) -> None:
    """As a demo account; ends at the first page."""
    page.goto("/sign-in/login/")
    page.get_by_label("Email").fill(demo(login))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name=SIGN_IN).click()
    page.wait_for_url(re.compile(r"^http://[^/]+/$"))


def begin_project(page: Page, title: str, *, data_class: str = "Open") -> str:
    page.goto("/projects/")
    page.get_by_role("main").get_by_role("link", name="New project").first.click()
    return describe_project(page, title, data_class=data_class)


def describe_project(page: Page, title: str, *, data_class: str = "Open") -> str:
    """On the form of a new project. Returns the project's code."""
    page.get_by_label("Organisation").select_option(index=1)
    page.get_by_label("Title").fill(title)
    page.get_by_label("Abstract").fill("Maps floods from space, every six hours.")
    page.get_by_label("Sector").select_option(label="Climate")
    page.get_by_role("radio", name=data_class, exact=True).check()
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    return code_in(page)


def ask(page: Page, project: str, resource: str, gpu_hours: str) -> str:
    """From the project's page to a submitted request; returns its code."""
    page.goto(f"/projects/{project}/")
    page.get_by_role("link", name="Ask for GPU-hours").click()
    return fill_request(page, resource, gpu_hours)


def fill_request(page: Page, resource: str, gpu_hours: str) -> str:
    """On the short form of a new request that knows its project: so little is decided by rule."""
    page.get_by_label("Resource").select_option(label=resource)
    page.get_by_role("textbox", name="GPU-hours").fill(gpu_hours)
    page.get_by_label("Purpose in one sentence").fill("Five runs of a small model, 2 GPUs for an hour each.")
    page.get_by_label("Risk of what is built").select_option("minimal")
    consent = page.get_by_role("checkbox", name="I accept the")
    if consent.count():
        consent.check()
    page.get_by_role("button", name="Submit the request").click()
    expect(state_of(page)).to_have_text(re.compile("Submitted|Under review|Approved"))
    return code_in(page)


def granted(page: Page, request: str) -> str:
    """Waits until the rule has spoken; returns the code of the allocation."""
    wait_for_state(page, f"/requests/{request}/", "Approved")
    link = page.get_by_role("main").locator("a[href^='/allocations/']").first
    return link.get_attribute("href").strip("/").split("/")[1]


def wait_for_state(page: Page, path: str, state: str, *, seconds: float = 90) -> None:
    """Look at a page until it shows this state."""
    page.goto(path)
    reach(page, state, seconds=seconds)


def reach(page: Page, state: str, *, seconds: float = 90) -> None:
    """Reload until the badge beside the heading says so."""

    def look() -> None:
        page.reload()
        expect(state_of(page)).to_have_text(state, timeout=500)

    deadline = clock.now() + timedelta(seconds=seconds)
    while True:
        try:
            return look()
        except AssertionError:
            if clock.now() > deadline:
                raise


def wait_for(page: Page, path: str, what: Locator, *, seconds: float = 90) -> None:
    """Look at a page until it shows this."""
    page.goto(path)
    deadline = clock.now() + timedelta(seconds=seconds)
    while not what.count():
        assert clock.now() < deadline, f"{path} never showed it"
        page.wait_for_timeout(500)
        page.reload()


def fill_job(page: Page, allocation: str, *, script: str, gpus: int = 2, wall: str = "0:30") -> None:
    page.goto(f"/jobs/new/?allocation={allocation}")
    page.get_by_label("Title").fill("Night run")
    page.get_by_label("GPUs", exact=True).fill(str(gpus))
    page.get_by_label("Wall time").fill(wall)
    page.get_by_label("CPUs").fill("2")
    page.get_by_label("Memory").fill("0.5")
    page.get_by_label("Script").fill(script)


def send_job(page: Page) -> str:
    page.get_by_role("button", name="Send the job").click()
    expect(page.get_by_text("The job is on its way.")).to_be_visible()
    return code_in(page)


def state_of(page: Page) -> Locator:
    return page.get_by_role("heading", level=1).locator(".badge").first


def shown_seconds(page: Page, label: str) -> int:
    """The exact GPU-seconds behind a figure of a page, as its tooltip has them."""
    stat = page.locator(f".stat:has(.stat__label:text-is('{label}')) [title$='GPU-seconds']")
    return int(stat.get_attribute("title").split()[0].replace(",", ""))
