"""The main job, whole: browser, worker, cluster, ledger, report; on the sandbox and on real Slurm."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from portal.foundation import clock
from tests.e2e import journeys
from tests.e2e.portal import Portal, wait_until

SANDBOX_RESOURCE = "Data Vault Pakistan · Data Vault Pakistan H100"
LAB_RESOURCE = "Astrolabe NED · Astrolabe NED H100"


def in_the_browser(portal: Portal, signed_in, *, resource: str, script: str, while_running) -> dict:
    """From a new project to a charged job; the job as the API has it then."""
    researcher = signed_in(portal, "researcher")
    project = journeys.begin_project(researcher, f"Flood maps {clock.now():%H%M%S}")
    request = journeys.ask(researcher, project, resource, "40")
    allocation = journeys.approve(signed_in(portal, "council"), request)
    journeys.wait_for_state(researcher, f"/allocations/{allocation}/", "Active")

    journeys.fill_job(researcher, allocation, script=script)
    cost = researcher.locator("#cost")
    expect(cost).to_contain_text("1 GPU-h")
    expect(cost).to_contain_text("39 GPU-h")
    job = journeys.send_job(researcher)
    journeys.reach(researcher, "Running")
    while_running(job)
    journeys.reach(researcher, "Completed")

    charged = journeys.shown_seconds(researcher, "Charged")
    assert journeys.shown_seconds(researcher, "Held now") == 0
    researcher.goto(f"/allocations/{allocation}/ledger/")
    assert journeys.shown_seconds(researcher, "Used") == charged
    assert journeys.shown_seconds(researcher, "Available") == 40 * 3600 - charged
    agency_reads(portal, project, charged)

    with portal.api("researcher") as api:
        told = api.get(f"/jobs/{job}/").raise_for_status().json()
    [run] = told["runs"]
    assert told["charged_gpu_seconds"] == charged == run["gpus"] * run["elapsed_seconds"]
    assert charged > 0
    return told


def by_api(portal: Portal, *, site: str, script: str) -> dict:
    """The same by tokens alone."""
    today = clock.today()
    with portal.api("researcher") as researcher, portal.api("council") as council:

        def post(who, path, body=None):
            return who.post(path, json=body).raise_for_status().json()

        [organisation] = researcher.get("/organisations/").json()["results"]
        project = post(
            researcher,
            "/projects/",
            {
                "organisation": organisation["code"],
                "title": "Flood maps by API",
                "abstract": "Maps floods from space.",
                "sector": "climate",
                "data_class": "public",
            },
        )["code"]
        [resource] = researcher.get("/resources/", params={"site": site}).json()["results"]
        request = post(
            researcher,
            "/requests/",
            {
                "project": project,
                "resource": resource["code"],
                "gpu_hours": "40",
                "starts_on": today.isoformat(),
                "ends_on": (today + timedelta(days=30)).isoformat(),
                "justification": "Five runs of a small model.",
            },
        )["code"]
        post(researcher, f"/requests/{request}/submit/")
        decided = post(council, f"/requests/{request}/decide/", {"outcome": "approved", "gpu_hours": "40"})
        allocation = decided["decisions"][0]["allocation"]

        def state_of(path):
            return researcher.get(path).raise_for_status().json()["state"]

        wait_until(lambda: state_of(f"/allocations/{allocation}/") == "active", what="an active allocation")
        size = {"gpus": 1, "cpus": 1, "memory_mb": 500, "wall_minutes": 30}
        job = {"allocation": allocation, "title": "By API", "script": script, **size}
        code = post(researcher, "/jobs/", job)["code"]
        wait_until(lambda: state_of(f"/jobs/{code}/") == "completed", what="the job's end", seconds=120)
        told = researcher.get(f"/jobs/{code}/").json()
        [run] = told["runs"]
        assert told["charged_gpu_seconds"] == run["gpus"] * run["elapsed_seconds"] > 0
        entries = researcher.get("/ledger/", params={"allocation": allocation, "kind": "charge"}).json()
        [charge] = entries["results"]
        assert (
            sum(row["gpu_seconds"] for row in charge["transfers"] if row["to_kind"] == "spent")
            == (told["charged_gpu_seconds"])
        )
    agency_reads(portal, project, told["charged_gpu_seconds"])
    return told


def agency_reads(portal: Portal, project: str, gpu_seconds: int) -> None:
    """What the agency's auditor gets over REST, to the second."""
    with portal.api("agency") as agency:
        question = {"group_by": "project", "metrics": "gpu_seconds,jobs", "project": project}
        report = agency.get("/reports/usage", params=question).raise_for_status().json()
    [row] = report["rows"]
    assert (row["project"], row["gpu_seconds"], row["jobs"]) == (project, gpu_seconds, 1)


def test_on_the_sandbox(portal_run, signed_in):
    in_the_browser(
        portal_run,
        signed_in,
        resource=SANDBOX_RESOURCE,
        script="#!/bin/bash\nsleep 200\n",
        while_running=lambda job: None,
    )


def test_on_the_sandbox_by_api(portal_run):
    by_api(portal_run, site="data-vault", script="#!/bin/bash\nsleep 60\n")


@pytest.mark.lab
def test_on_real_slurm(portal_run, signed_in, lab):
    ned = lab.cluster("astrolabe-ned")

    def in_squeue(code: str) -> None:
        told = ned.command("squeue", "-h", "-o", "%T|%j|%u").stdout.splitlines()
        [line] = [line for line in told if line.split("|")[1].endswith(code.removeprefix("job-"))]
        assert line.startswith("RUNNING|")

    job = in_the_browser(
        portal_run,
        signed_in,
        resource=LAB_RESOURCE,
        script="#!/bin/bash\nsleep 15\n",
        while_running=in_squeue,
    )
    agrees_with_slurm(ned, job)
    limits = ned.command(
        "sacctmgr", "-n", "-P", "show", "assoc", f"account={job['slurm_account']}", "user=",
        "format=Account,GrpTRESMins",
    )  # fmt: skip
    assert f"{job['slurm_account']}|gres/gpu={40 * 60}" in limits.stdout.split()


@pytest.mark.lab
def test_on_real_slurm_by_api(portal_run, lab):
    job = by_api(portal_run, site="astrolabe-ned", script="#!/bin/bash\nsleep 5\n")
    agrees_with_slurm(lab.cluster("astrolabe-ned"), job)


def agrees_with_slurm(cluster, job: dict) -> None:
    """Slurm's own accounting: completed once, and the charge is GPUs × its elapsed seconds."""
    told = cluster.command(
        "sacct", "-X", "-n", "-P", f"--name={job['slurm_name']}", "--starttime=now-1hour",
        "--format=JobID,State,ElapsedRaw,AllocTRES",
    )  # fmt: skip
    [line] = told.stdout.splitlines()
    number, state, elapsed, tres = line.split("|")
    assert (int(number), state) == (job["slurm_job_id"], "COMPLETED")
    assert f"gres/gpu={job['gpus']}" in tres
    assert job["charged_gpu_seconds"] == job["gpus"] * int(elapsed)
