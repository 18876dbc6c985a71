"""A fifth real cluster joins in the browser while the portal runs: no restart, no command but at the site."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from deploy.lab.pytest_lab import run_lab
from deploy.lab.state import Lab
from tests.e2e import journeys
from tests.e2e.portal import Portal, demo
from tests.e2e.test_main_job import agrees_with_slurm, runs_in_slurm

SCRIPT = "#!/bin/bash\nsleep 20\n"


@pytest.fixture
def annex(lab: Lab):
    """A cluster that the portal has never heard of."""
    run_lab("up", "annex")
    return Lab.load().cluster("annex")


@pytest.mark.lab
def test_a_fifth_site(portal_lab: Portal, signed_in, annex):
    code = f"annex-{secrets.token_hex(2)}"
    admin, manager = signed_in(portal_lab, "admin"), signed_in(portal_lab, "site")
    researcher = signed_in(portal_lab, "researcher")

    add_site(admin, code)
    connect(admin, code, annex)
    resource = add_resource(admin, code, annex)
    appoint(admin, code, demo("site"))
    pass_preflight(admin, code, annex)
    link_login(manager, researcher, code, "tqresearcher")

    project = journeys.begin_project(researcher, f"Glacier lakes {code}")
    request = journeys.ask(researcher, project, resource, "40")
    allocation = journeys.granted(researcher, request)
    journeys.wait_for_state(researcher, f"/allocations/{allocation}/", "Active")
    journeys.fill_job(researcher, allocation, script=SCRIPT)
    job = journeys.send_job(researcher)
    journeys.reach(researcher, "Running")
    runs_in_slurm(annex, job)
    journeys.reach(researcher, "Completed")
    with portal_lab.api("researcher") as api:
        agrees_with_slurm(annex, api.get(f"/jobs/{job}/").raise_for_status().json())


def fill(page: Page, **values: str) -> None:
    """Fields by the name under which they are sent."""
    for name, value in values.items():
        field = page.locator(f"main [name={name}]").first
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def save(page: Page) -> None:
    """Press the form's button; what is wrong with it would be told in place."""
    page.locator("main form button[type=submit]").last.click()
    expect(page.locator("main [aria-invalid=true]")).to_have_count(0)


def add_site(admin: Page, code: str) -> None:
    admin.goto("/sites/")
    admin.get_by_role("main").get_by_role("link", name="New site").first.click()
    fill(admin, code=code, name=f"Annex {code}", city="Quetta", province="balochistan")
    fill(admin, description="A real cluster that joined in a test.")
    save(admin)
    expect(admin.get_by_role("heading", level=1)).to_contain_text(f"Annex {code}")


def connect(admin: Page, code: str, cluster) -> None:
    """The REST version isn't asked for: the preflight finds it."""
    admin.goto(f"/sites/{code}/cluster/")
    fill(admin, slurm_name=cluster.name, url=cluster.rest_url, signer_path=cluster.jwt_key)
    fill(admin, operator_login=cluster.operator)
    save(admin)


def add_resource(admin: Page, code: str, cluster) -> str:
    """Returns its name as a request's form has it."""
    admin.goto(f"/sites/{code}/resources/new/")
    fill(
        admin,
        code=f"{code}-gpu",
        name=f"Annex {code} {cluster.gpu.upper()}",
        gpu_model="NVIDIA H200",
        gres_type=cluster.gpu,
        partition=cluster.partition,
        gpu_count=str(cluster.gpus_per_node * len(cluster.nodes)),
        gpus_per_node=str(cluster.gpus_per_node),
        max_gpus_per_job=str(cluster.gpus_per_node),
    )
    save(admin)
    for quarter in range(2):
        admin.goto(f"/resources/{code}-gpu/capacity/")
        admin.locator("main [name=quarter]").select_option(index=quarter)
        fill(admin, gpu_hours="5000", reason="Opened to the programme.")
        save(admin)
    return f"Annex {code} · Annex {code} {cluster.gpu.upper()}"


def appoint(admin: Page, code: str, email: str) -> None:
    admin.goto(f"/sites/{code}/roles/new/")
    fill(admin, email=email, role="manager")
    save(admin)


def pass_preflight(admin: Page, code: str, cluster) -> None:
    """Slurm holds the budget: a hard fence; only then is the cluster switched on."""
    admin.goto(f"/sites/{code}/preflight/config/")
    fill(admin, text=cluster.command("scontrol", "show", "config").stdout)
    save(admin)
    admin.goto(f"/sites/{code}/preflight/")
    admin.get_by_role("button", name="Run preflight").first.click()
    expect(admin.get_by_role("main")).to_contain_text("Hard fence", timeout=60_000)
    admin.goto(f"/sites/{code}/preflight/switch-on/")
    save(admin)


def link_login(manager: Page, researcher: Page, code: str, login: str) -> None:
    """Proposed by the site, confirmed by the person."""
    manager.goto(f"/sites/{code}/logins/")
    fill(manager, email=demo("researcher"), login=login)
    manager.locator("#link button[type=submit]").click()
    expect(manager.get_by_role("main")).to_contain_text(login)
    researcher.goto("/jobs/logins/")
    researcher.get_by_role("main").get_by_role("button", name="Yes, that is me").first.click()
