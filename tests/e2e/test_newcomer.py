"""From nothing to a running job: how many clicks the portal asks of somebody who has never been here.

Every click counts, on buttons, links and boxes alike.
"""

import re
import secrets

from playwright.sync_api import Page, expect

from tests.e2e import journeys
from tests.e2e.portal import EVIDENCE, Portal, wait_until

# Of a demo institution (ILLUSTRATIVE) that is verified by rule with whoever comes first.
RECOGNISED = "margalla.taqseem.test"
MOST_CLICKS = 10
COUNTER = "document.addEventListener('click', () => window.countClick(), true);"


def counting(page: Page) -> list[int]:
    """A list that grows by one with every click on this page and those that follow."""
    clicks: list[int] = []
    page.expose_function("countClick", lambda: clicks.append(1))
    page.add_init_script(COUNTER)
    return clicks


def code_in_mail(portal: Portal, address: str) -> str:
    wait_until(lambda: portal.mail_to(address), what="the mail")
    return re.search(r"^[A-Z]{4}-[A-Z]{4}$", portal.mail_to(address)[-1], re.MULTILINE)[0]


def sign_up(portal: Portal, newcomer: Page, address: str) -> None:
    """From the first page to the first page, signed in, by the code in the mail."""
    newcomer.goto("/")
    newcomer.get_by_role("main").get_by_role("link", name="Sign up").first.click()
    newcomer.get_by_label("Name").fill("Hira Malik")
    newcomer.get_by_label("Email").fill(address)
    newcomer.get_by_label("Password", exact=True).fill("lamp-river-quartz-9")
    newcomer.get_by_label("Password (again)").fill("lamp-river-quartz-9")
    newcomer.get_by_label("I accept the terms of use").check()
    newcomer.get_by_role("main").get_by_role("button", name=re.compile(r"^sign up$", re.IGNORECASE)).click()
    newcomer.get_by_label("Code").fill(code_in_mail(portal, address))
    newcomer.get_by_role("main").get_by_role("button", name="Confirm").click()
    expect(newcomer.get_by_role("heading", level=1)).to_contain_text("Hira Malik")


def ask_with_a_first_project(newcomer: Page, title: str) -> str:
    """From the first page: project and request on one form. Returns the request's code."""
    newcomer.get_by_role("main").get_by_role("link", name="Ask for GPU-hours").click()
    expect(newcomer.get_by_label("Organisation")).not_to_have_value("")
    newcomer.get_by_label("Title").fill(title)
    newcomer.get_by_label("Abstract").fill("Finds pests in pictures of orchards.")
    newcomer.get_by_label("Sector").select_option(label="Climate")
    return journeys.fill_request(newcomer, "Data Vault Pakistan · Data Vault Pakistan H100", "10")


def run_a_job(newcomer: Page, request: str) -> None:
    """From the page of the request, which is decided by rule."""
    job = newcomer.get_by_role("main").get_by_role("link", name="Submit a job")
    journeys.wait_for(newcomer, f"/requests/{request}/", job)
    job.click()
    newcomer.get_by_label("Title").fill("First run")
    newcomer.get_by_label("Script").fill("#!/bin/bash\nsleep 300\n")
    journeys.send_job(newcomer)
    journeys.reach(newcomer, "Running")


def test_from_sign_up_at_a_verified_organisation_to_a_running_job(
    portal_run, new_context, record_property, capsys
):
    name = secrets.token_hex(4)
    newcomer = new_context(base_url=portal_run.address).new_page()
    clicks = counting(newcomer)
    sign_up(portal_run, newcomer, f"{name}@{RECOGNISED}")
    newcomer.get_by_role("main").get_by_role("button", name="Join").click()
    run_a_job(newcomer, ask_with_a_first_project(newcomer, f"Orchard pests {name}"))
    tell(record_property, capsys, "web_newcomer_clicks", len(clicks))
    assert len(clicks) <= MOST_CLICKS


def test_from_sign_up_with_a_new_organisation_to_a_running_job(
    portal_run, new_context, signed_in, record_property, capsys
):
    portal = portal_run
    name = secrets.token_hex(4)
    newcomer = new_context(base_url=portal.address).new_page()
    clicks = counting(newcomer)
    sign_up(portal, newcomer, f"{name}@example.pk")

    newcomer.get_by_role("link", name="Say for which organisation you work").click()
    newcomer.get_by_role("link", name="New organisation").first.click()
    newcomer.get_by_label("Name").fill(f"Chenab Robotics {name}")
    newcomer.get_by_role("radio", name="Startup").check()
    newcomer.get_by_label("Province").select_option(label="Punjab")
    newcomer.get_by_role("button", name="Create the organisation").click()
    newcomer.locator("main a[href$='/verification/']").first.click()
    newcomer.get_by_label("Kind of identifier").select_option(index=0)
    newcomer.get_by_label("Identifier", exact=True).fill(str(1_000_000 + secrets.randbelow(8_999_999)))
    newcomer.get_by_label("Evidence").set_input_files(
        {"name": "certificate.pdf", "mimeType": "application/pdf", "buffer": EVIDENCE}
    )
    newcomer.get_by_role("button", name="Submit").click()
    expect(newcomer.get_by_text("Submitted.")).to_be_visible()

    verify(signed_in(portal, "admin"), f"Chenab Robotics {name}")

    newcomer.goto("/")
    run_a_job(newcomer, ask_with_a_first_project(newcomer, f"Orchard pests {name}"))
    tell(record_property, capsys, "web_newcomer_clicks_unverified", len(clicks))


def tell(record_property, capsys, figure: str, clicks: int) -> None:
    """For whoever reads the run."""
    record_property(figure, clicks)
    with capsys.disabled():
        print(f"\n{figure} {clicks}")


def verify(verifier: Page, organisation: str) -> None:
    verifier.goto("/verifications/")
    verifier.get_by_role("main").get_by_role("link", name=organisation).first.click()
    verifier.get_by_role("link", name="Verify…").click()
    verifier.get_by_role("button", name="Verify").click()
    expect(journeys.state_of(verifier)).to_have_text("Verified")
