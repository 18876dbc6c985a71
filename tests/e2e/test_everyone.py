"""Urdu, the dark theme, no JavaScript, assistive technology: the portal is for everyone."""

import itertools
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import journeys
from tests.e2e.pages import MAIN, PAGES, MainPage
from tests.e2e.portal import EVIDENCE, Portal, wait_until

AXE = next(Path(__file__).parent.glob("vendor/axe-*.min.js"))
# What WCAG 2.2 AA asks and a machine can see.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def test_urdu_reads_from_right_to_left(portal_run, signed_in):
    page = signed_in(portal_run, "researcher")
    page.goto("/requests/")
    page.get_by_role("button", name="اردو").click()
    document = page.locator("html")
    expect(document).to_have_attribute("dir", "rtl")
    expect(document).to_have_attribute("lang", "ur")
    assert page.url.endswith("/requests/"), "the same page, in the other language"
    page.goto("/jobs/new/")
    expect(document).to_have_attribute("dir", "rtl")
    assert "Nastaliq" in page.evaluate("getComputedStyle(document.body).fontFamily")
    expect(page.locator("textarea[name=script]")).to_have_attribute("dir", "ltr")
    page.get_by_role("button", name="English").click()
    expect(document).to_have_attribute("dir", "ltr")


def test_the_dark_theme_is_kept(portal_run, signed_in):
    page = signed_in(portal_run, "researcher", color_scheme="light")
    page.goto("/")

    def background() -> str:
        return page.evaluate("getComputedStyle(document.documentElement).backgroundColor") + page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )

    light = background()
    page.locator("summary[title=Theme]").click()
    page.get_by_role("button", name="Dark").first.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert background() != light
    page.goto("/jobs/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_without_javascript_requests_and_jobs_can_be_sent(portal_run, signed_in):
    page = signed_in(portal_run, "researcher", java_script_enabled=False)
    project = journeys.begin_project(page, "Without scripts")
    request = journeys.ask(page, project, "Higgs Computing · Higgs Computing L40S", "5")
    allocation = journeys.granted(page, request)
    journeys.wait_for_state(page, f"/allocations/{allocation}/", "Active")
    journeys.fill_job(page, allocation, script="#!/bin/bash\nsleep 1\n", gpus=2, wall="1:00")
    page.get_by_role("button", name="Check cost").click()
    expect(page.locator("#cost")).to_contain_text("2 GPU-h")
    expect(page.get_by_label("Title")).to_have_value("Night run")
    journeys.send_job(page)
    journeys.reach(page, "Completed")


# The further pages are made of the same parts: they take minutes, which only the full size has.
MET = PAGES if os.environ.get("TAQSEEM_TEST_SIZE") == "full" else MAIN


@pytest.mark.parametrize("shown", MET, ids=lambda shown: shown.name)
def test_nothing_serious_is_in_the_way_of_assistive_technology(visitor, shown):
    """axe-core finds nothing serious or critical, in the variant whose turn it is."""
    page = visitor(shown, variant=VARIANTS[PAGES.index(shown) % len(VARIANTS)])
    found = violations(page)
    assert not found, "\n".join(found)


# (language, theme, width): one for each page, in rotation.
VARIANTS = [("en", "light", 1280), ("ur", "dark", 360), ("en", "dark", 1280), ("ur", "light", 360)]


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    told = page.evaluate("rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES)
    return [
        f"{rule['impact']}: {rule['id']}: {rule['help']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in told["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def test_axe_sees_what_is_wrong(page):
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><img src=x.png><input></main>")
    assert {line.split(": ")[1] for line in violations(page)} >= {"image-alt", "label"}


@pytest.fixture(scope="package")
def furnished(portal_run) -> Portal:
    """The demo portal with what its data lack: a job, an organisation that awaits verification, a preflight,
    and a site without Slurm."""
    with portal_run.api("researcher") as researcher, portal_run.api("outsider") as outsider:
        here = researcher.get("/allocations/", params={"site": "astrolabe-ned"}).json()["results"]
        size = {"gpus": 1, "cpus": 1, "memory_mb": 500, "wall_minutes": 5}
        job = {"allocation": here[-1]["code"], "title": "Evaluation", "script": "#!/bin/bash\nsleep 20\n"}
        researcher.post("/jobs/", json=job | size).raise_for_status()
        body = {"name": "Chenab Robotics", "kind": "startup", "province": "punjab"}
        code = outsider.post("/organisations/", json=body).raise_for_status().json()["code"]
        claim = {"identifier_kind": "cuin", "identifier": "7654321"}
        outsider.post(
            f"/organisations/{code}/verifications/",
            data=claim,
            files={"evidence": ("certificate.pdf", EVIDENCE, "application/pdf")},
        ).raise_for_status()
    with portal_run.api("admin") as admin:
        preflights = "/sites/astrolabe-ned/preflights/"
        code = admin.post(preflights).raise_for_status().json()["code"]
        run = f"{preflights}{code}/"
        wait_until(lambda: admin.get(run).json()["verdict"], what="the preflight's verdict")
        if admin.get("/sites/quetta/").status_code == 404:
            site = {"code": "quetta", "name": "Quetta", "city": "Quetta", "province": "balochistan"}
            admin.post("/sites/", json=site | {"kind": "unbridged"}).raise_for_status()
    return portal_run


@pytest.fixture
def visitor(furnished, signed_in, new_context):
    """`visitor(page, variant=…)`: that page, open, in a language, a theme and a width."""

    def visit(shown: MainPage, *, variant: tuple[str, str, int]) -> Page:
        language, theme, width = variant
        options = {"color_scheme": theme, "viewport": {"width": width, "height": 900}}
        if shown.login:
            page = signed_in(furnished, shown.login, **options)
        else:
            page = new_context(base_url=furnished.address, **options).new_page()
        page.context.add_cookies([{"name": "django_language", "value": language, "url": furnished.address}])
        shown.open(page)
        return page

    return visit


@pytest.mark.timeout(3600)
def test_screens(visitor, screens):
    """Every main page at two widths, in both languages and both themes, for people to look at."""
    for variant in itertools.product(("en", "ur"), ("light", "dark"), (360, 1280)):
        pages = {}
        for shown in PAGES:
            if shown.login in pages:
                shown.open(pages[shown.login])
            else:
                pages[shown.login] = visitor(shown, variant=variant)
            language, theme, width = variant
            name = f"{shown.name}-{language}-{theme}-{width}.png"
            pages[shown.login].screenshot(path=screens / name, full_page=True)
        for page in pages.values():
            page.context.close()
