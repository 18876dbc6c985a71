"""The main job, whole: browser, worker, cluster, ledger, report; on the sandbox and on real Slurm."""

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from portal.foundation import clock
from tests.e2e import journeys
from tests.e2e.portal import Portal, wait_until

# By the cluster's name in the lab.
RESOURCES = {
    "datavault": "Data Vault Pakistan · Data Vault Pakistan H100",
    "higgs": "Higgs Computing · Higgs Computing L40S",
    "astrolabe-ned": "Astrolabe NED · Astrolabe NED H100",
    "astrolabe-uet": "Astrolabe UET · Astrolabe UET A100",
}
# The jobs on real Slurm run until this file is there, so that all of them run at once.
GO = "/lab/home/go"


class MainJob:
    """The researcher's way from a new project to a charged job, in steps that others can come between."""

    def __init__(self, portal: Portal, signed_in, *, resource: str, script: str) -> None:
        self.portal, self.resource, self.script = portal, resource, script
        self.researcher = signed_in(portal, "researcher")

    def begin(self) -> None:
        """A project, a request, and an award that Slurm has."""
        self.project = journeys.begin_project(self.researcher, f"Flood maps {secrets.token_hex(3)}")
        request = journeys.ask(self.researcher, self.project, self.resource, "40")
        self.allocation = journeys.granted(self.researcher, request)
        journeys.wait_for_state(self.researcher, f"/allocations/{self.allocation}/", "Active")

    def send(self) -> str:
        journeys.fill_job(self.researcher, self.allocation, script=self.script)
        cost = self.researcher.locator("#cost")
        expect(cost).to_contain_text("1 GPU-h")
        expect(cost).to_contain_text("39 GPU-h")
        self.job = journeys.send_job(self.researcher)
        return self.job

    def reaches(self, state: str) -> None:
        journeys.reach(self.researcher, state)

    def ends(self) -> dict:
        """Completed, charged and reported alike; the job as the API has it then."""
        self.reaches("Completed")
        charged = journeys.shown_seconds(self.researcher, "Charged")
        assert journeys.shown_seconds(self.researcher, "Held now") == 0
        self.researcher.goto(f"/allocations/{self.allocation}/ledger/")
        assert journeys.shown_seconds(self.researcher, "Used") == charged
        assert journeys.shown_seconds(self.researcher, "Available") == 40 * 3600 - charged
        agency_reads(self.portal, self.project, charged)
        with self.portal.api("researcher") as api:
            told = api.get(f"/jobs/{self.job}/").raise_for_status().json()
        [run] = told["runs"]
        assert told["charged_gpu_seconds"] == charged == run["gpus"] * run["elapsed_seconds"]
        assert charged > 0
        return told


def by_api(portal: Portal, *, site: str, script: str) -> dict:
    """The same by tokens alone."""
    today = clock.today()
    with portal.api("researcher") as researcher:

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
                "runs": [{"model": "A small model", "gpus": 2, "hours": "4", "runs": 5}],
                "starts_on": today.isoformat(),
                "ends_on": (today + timedelta(days=30)).isoformat(),
                "justification": "Five runs of a small model.",
                "ai_risk": "minimal",
            },
        )["code"]
        decided = post(researcher, f"/requests/{request}/submit/", {"consent": True})
        allocation = decided["decisions"][0]["lines"][0]["allocation"]

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
    main_job = MainJob(
        portal_run, signed_in, resource=RESOURCES["datavault"], script="#!/bin/bash\nsleep 200\n"
    )
    main_job.begin()
    main_job.send()
    main_job.reaches("Running")
    main_job.ends()


def test_on_the_sandbox_by_api(portal_run):
    by_api(portal_run, site="data-vault", script="#!/bin/bash\nsleep 60\n")


@pytest.mark.lab
def test_on_four_real_clusters_at_once(portal_lab, signed_in, lab):
    """Slurm 22.05 and 24.11, two clusters each: all four jobs run at the same moment."""
    script = f"#!/bin/bash\nwhile [ ! -e {GO} ]; do sleep 0.5; done\n"
    jobs = {
        name: MainJob(portal_lab, signed_in, resource=resource, script=script)
        for name, resource in RESOURCES.items()
    }
    go = Path(lab.directory) / GO.removeprefix("/lab/")
    try:
        for main_job in jobs.values():
            main_job.begin()
        for main_job in jobs.values():
            main_job.send()
        for main_job in jobs.values():
            main_job.reaches("Running")
        for name, main_job in jobs.items():
            runs_in_slurm(lab.cluster(name), main_job.job)
        go.touch()
        for name, main_job in jobs.items():
            told = main_job.ends()
            agrees_with_slurm(lab.cluster(name), told)
            has_limit(lab.cluster(name), told["slurm_account"], minutes=40 * 60)
    finally:
        go.unlink(missing_ok=True)


@pytest.mark.lab
@pytest.mark.parametrize(("site", "name"), [("astrolabe-ned", "astrolabe-ned"), ("higgs", "higgs")])
def test_on_real_slurm_by_api(portal_lab, lab, site, name):
    job = by_api(portal_lab, site=site, script="#!/bin/bash\nsleep 5\n")
    agrees_with_slurm(lab.cluster(name), job)


def runs_in_slurm(cluster, code: str) -> None:
    told = cluster.command("squeue", "-h", "-o", "%T|%j|%u").stdout.splitlines()
    [line] = [line for line in told if line.split("|")[1].endswith(code.removeprefix("job-"))]
    assert line.startswith("RUNNING|"), line


def has_limit(cluster, slurm_account: str, *, minutes: int) -> None:
    """GrpTRESMins of the Slurm account itself."""
    told = cluster.command(
        "sacctmgr", "-n", "-P", "show", "assoc", f"account={slurm_account}", "user=",
        "format=Account,GrpTRESMins",
    )  # fmt: skip
    assert f"{slurm_account}|gres/gpu={minutes}" in told.stdout.split()


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
