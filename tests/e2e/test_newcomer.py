"""From nothing to a running job: how many clicks the portal asks of somebody who has never been here."""

import re
import secrets

from playwright.sync_api import Page, expect

from tests.e2e import journeys
from tests.e2e.portal import EVIDENCE, SIGN_IN, Portal, wait_until

COUNTER = "document.addEventListener('click', () => window.countClick(), true);"


def counting(page: Page) -> list[int]:
    """A list that grows by one with every click on this page and those that follow."""
    clicks: list[int] = []
    page.expose_function("countClick", lambda: clicks.append(1))
    page.add_init_script(COUNTER)
    return clicks


def link_in_mail(portal: Portal, address: str) -> str:
    wait_until(lambda: portal.mail_to(address), what="the mail")
    text = portal.mail_to(address)[-1].replace("=\n", "")
    return re.search(r"(/sign-in/confirm-email/[^\s/]+/)", text).group(1)


def test_from_sign_up_to_a_running_job(portal_run, new_context, signed_in, record_property, capsys):
    portal = portal_run
    name = secrets.token_hex(4)
    address = f"{name}@example.pk"
    newcomer = new_context(base_url=portal.address).new_page()
    clicks = counting(newcomer)

    newcomer.goto("/")
    newcomer.get_by_role("main").get_by_role("link", name="Sign up").first.click()
    newcomer.get_by_label("Name").fill("Hira Malik")
    newcomer.get_by_label("Email").fill(address)
    newcomer.get_by_label("Password", exact=True).fill("lamp-river-quartz-9")
    newcomer.get_by_label("Password (again)").fill("lamp-river-quartz-9")
    newcomer.get_by_label("I accept the terms of use").check()
    newcomer.get_by_role("main").get_by_role("button", name=re.compile(r"^sign up$", re.IGNORECASE)).click()
    newcomer.goto(link_in_mail(portal, address))
    newcomer.get_by_role("main").get_by_role("button", name="Confirm").click()
    if "/login" in newcomer.url:
        newcomer.get_by_label("Email").fill(address)
        newcomer.get_by_label("Password").fill("lamp-river-quartz-9")
        newcomer.get_by_role("main").get_by_role("button", name=SIGN_IN).click()

    newcomer.goto("/")
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
    newcomer.get_by_role("link", name="Describe your project").click()
    journeys.describe_project(newcomer, f"Orchard pests {name}")
    newcomer.get_by_role("link", name="Ask for GPU-hours").click()
    request = journeys.fill_request(newcomer, "Data Vault Pakistan · Data Vault Pakistan H100", "10")
    allocation = journeys.granted(newcomer, request)
    journeys.wait_for_state(newcomer, f"/allocations/{allocation}/", "Active")

    newcomer.goto("/")
    newcomer.get_by_role("main").get_by_role("link", name="New job").first.click()
    newcomer.get_by_label("Title").fill("First run")
    newcomer.get_by_label("Script").fill("#!/bin/bash\nsleep 300\n")
    journeys.send_job(newcomer)
    journeys.reach(newcomer, "Running")
    record_property("web_newcomer_clicks", len(clicks))
    with capsys.disabled():  # the figure is for whoever reads the run
        print(f"\nweb_newcomer_clicks {len(clicks)}")


def verify(verifier: Page, organisation: str) -> None:
    verifier.goto("/verifications/")
    verifier.get_by_role("main").get_by_role("link", name=organisation).first.click()
    verifier.get_by_role("link", name="Verify…").click()
    verifier.get_by_role("button", name="Verify").click()
    expect(journeys.state_of(verifier)).to_have_text("Verified")
