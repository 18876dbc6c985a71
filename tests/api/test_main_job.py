"""The main job over the API alone: every step with a token, every write twice, nothing for the outsider."""

from datetime import timedelta

import httpx
import pytest
from rest_framework.test import APIClient

from allocations.awards.models import Allocation
from portal.celery import app
from portal.foundation import clock
from portal.foundation.services import outbox
from portal.people.services.tokens import token_create
from scheduler_bridge.accounting.ingest import ingest
from scheduler_bridge.accounting.poll import poll
from scheduler_bridge.models import Job
from tests.bridge_stage import sandbox
from tests.requesting import fund

pytestmark = pytest.mark.django_db

API = "/api/v1"
SCRIPT = "#!/bin/bash\nsleep 600\n"


class Caller:
    """Somebody with a token. Every write is sent twice under one Idempotency-Key and must answer the same."""

    def __init__(self, user) -> None:
        _, secret = token_create(actor=user, name="main job", days=1)
        self.client = APIClient(headers={"Authorization": f"Token {secret}"})
        self.writes = 0

    def get(self, path, status=200, **query):
        reply = self.client.get(f"{API}{path}", query)
        assert reply.status_code == status, reply.content
        return reply.json()

    def post(self, path, body=None, status=200):
        self.writes += 1
        first, again = (self._post(path, body) for _ in range(2))
        assert first.status_code == status, first.content
        assert again.json() == first.json()
        assert again["Idempotent-Replay"] == "true"
        return first.json()

    def refused(self, path, body=None):
        """The status of a write that must not do anything."""
        self.writes += 1
        return self._post(path, body).status_code

    def _post(self, path, body):
        key = f"write-{self.writes}"
        return self.client.post(f"{API}{path}", body, format="json", headers={"Idempotency-Key": key})


@pytest.fixture
def callers(cast):
    return {name: Caller(getattr(cast, name)) for name in ("pi", "council", "auditor", "outsider")}


@pytest.fixture
def cluster(cast, tmp_path, monkeypatch):
    """The cast's site on a sandbox in this process, the queue's tasks done where they are asked for."""
    monkeypatch.setitem(app.conf, "task_always_eager", True)
    fund(cast.resource)
    with sandbox(tmp_path, "ned") as clusters:
        cast.cluster.url, key = clusters["ned"]
        cast.cluster.signer = str(key)
        cast.cluster.save()
        yield cast.cluster


def project_body(cast, **changes):
    return {
        "organisation": cast.organisation.code,
        "title": "Flood maps",
        "abstract": "Maps floods from space.",
        "sector": "climate",
        "data_class": "public",
    } | changes


def request_body(cast, project, **changes):
    today = clock.today()
    return {
        "project": project,
        "resource": cast.resource.code,
        "gpu_hours": "40",
        "runs": [{"model": "A small model", "gpus": 2, "hours": "2", "runs": 10}],
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=30)).isoformat(),
        "justification": "Ten runs of a small model: 2 GPUs for 2 hours each.",
        "ai_risk": "minimal",
    } | changes


def job_body(allocation, **changes):
    return {
        "allocation": allocation,
        "title": "Night run",
        "gpus": 2,
        "wall_minutes": 15,
        "script": SCRIPT,
    } | changes


def work() -> None:
    """What the workers do: follow what was committed, until nothing is due."""
    while outbox.drain():
        pass


def step(cluster, seconds: float) -> None:
    """The cluster's clock goes on; then one round of looking."""
    body = {"seconds": seconds, "tokens": False}
    httpx.post(f"{cluster.url}/sandbox/advance", json=body).raise_for_status()
    poll(cluster)
    ingest(cluster)
    work()


def copies(cluster, name) -> int:
    journal = httpx.get(f"{cluster.url}/sandbox/journal", params={"name": name})
    return journal.raise_for_status().json()["count"]


def test_from_a_project_to_the_agency_s_report(cast, callers, cluster):
    pi, council, auditor, outsider = callers.values()

    project = pi.post("/projects/", project_body(cast), 201)["code"]
    assert outsider.get(f"/projects/{project}/", 404)
    assert outsider.refused("/projects/", project_body(cast, title="Mine")) == 400, "not their organisation"

    asked = pi.post("/requests/", request_body(cast, project), 201)
    request = f"/requests/{asked['code']}/"
    assert asked["gpu_seconds"] == 40 * 3600
    assert outsider.refused("/requests/", request_body(cast, project)) == 400, "not their project"
    assert outsider.get(request, 404)
    assert outsider.refused(f"{request}submit/") == 404
    decided = pi.post(f"{request}submit/")
    assert (decided["state"], decided["track"]) == ("approved", "explore"), "so little is decided by rule"
    [award] = decided["decisions"]
    assert (award["decided_by"], award["gpu_seconds"]) == (None, 40 * 3600)

    decision = {"outcome": "approved", "gpu_hours": "40"}
    assert outsider.refused(f"{request}decide/", decision) == 404
    assert pi.refused(f"{request}decide/", decision) == 403, "nobody decides about their own"
    assert council.refused(f"{request}decide/", decision) == 409, "decided is decided"

    code = award["lines"][0]["allocation"]
    assert pi.get(f"/allocations/{code}/")["state"] == "provisioning"
    assert pi.refused("/jobs/", job_body(code)) == 409, "no job before the limits were read back"
    work()
    allocation = pi.get(f"/allocations/{code}/")
    assert allocation["state"] == "active"
    assert allocation["balances"]["granted"] == allocation["balances"]["available"] == 40 * 3600
    assert outsider.get(f"/allocations/{code}/", 404)

    assert outsider.refused("/jobs/cost/", job_body(code)) == 400, "not an allocation that they can name"
    assert outsider.refused("/jobs/", job_body(code)) == 400
    assert council.refused("/jobs/", job_body(code)) == 403, "sees it, but is no member"
    cost = pi.post("/jobs/cost/", job_body(code))
    assert (cost["most_gpu_seconds"], cost["fits"]) == (2 * 15 * 60, True)
    over = pi.client.post(f"{API}/jobs/", job_body(code, gpus=8, wall_minutes=6 * 60), format="json")
    assert over.status_code == 409
    assert over.json()["figures"] == {"wanted": 8 * 6 * 3600, "available": 40 * 3600}

    sent = pi.post("/jobs/", job_body(code), 201)
    job = f"/jobs/{sent['code']}/"
    assert (sent["state"], sent["held_gpu_seconds"]) == ("approved", 1800)
    assert Job.objects.count() == 1
    assert outsider.get(job, 404)
    assert outsider.refused(f"{job}cancel/") == 404
    assert council.refused(f"{job}cancel/") in {403, 404}

    work()
    assert pi.get(job)["state"] == "queued"
    step(cluster, 1)
    assert pi.get(job)["state"] == "running"
    step(cluster, 601)
    ended = pi.get(job)
    assert (ended["state"], ended["held_gpu_seconds"]) == ("completed", 0)
    [run] = ended["runs"]
    assert run["gpus"] == 2
    assert ended["charged_gpu_seconds"] == run["charged_gpu_seconds"] == 2 * run["elapsed_seconds"]
    assert 600 <= run["elapsed_seconds"] <= 602
    assert copies(cluster, ended["slurm_name"]) == 1

    charged = ended["charged_gpu_seconds"]
    balances = pi.get(f"/allocations/{code}/")["balances"]
    assert (balances["spent"], balances["held"]) == (charged, 0)
    entries = pi.get("/ledger/", allocation=code)["results"]
    spent = [
        transfer["gpu_seconds"]
        for entry in entries
        for transfer in entry["transfers"]
        if transfer["to_kind"] == "spent"
    ]
    assert sum(spent) == charged
    assert outsider.get("/ledger/", allocation=code)["count"] == 0

    report = auditor.get("/reports/usage", group_by="project", metrics="gpu_seconds,jobs")
    [row] = report["rows"]
    assert (row["project"], row["gpu_seconds"], row["jobs"]) == (project, charged, 1)
    assert report["totals"]["gpu_seconds"] == charged
    assert outsider.get("/reports/usage", group_by="project")["rows"] == []


def test_a_key_that_was_used_for_another_body_is_refused(cast, callers):
    pi = callers["pi"]
    pi.post("/projects/", project_body(cast), 201)
    reused = pi._post("/projects/", project_body(cast, title="Another"))
    assert reused.status_code == 409
    assert "Idempotency-Key" in reused.json()["title"]


def test_a_replayed_job_holds_its_budget_once(cast, callers, cluster):
    pi = callers["pi"]
    body = request_body(cast, cast.project.code, gpu_hours="10")
    request = pi.post("/requests/", body, 201)["code"]
    [decision] = pi.post(f"/requests/{request}/submit/")["decisions"]
    allocation = decision["lines"][0]["allocation"]
    work()
    job = pi.post("/jobs/", job_body(allocation), 201)
    balances = pi.get(f"/allocations/{allocation}/")["balances"]
    assert (balances["granted"], balances["held"]) == (36_000, 1800)
    cancelled = pi.post(f"/jobs/{job['code']}/cancel/", {"reason": "Wrong data."})
    assert (cancelled["state"], cancelled["held_gpu_seconds"]) == ("cancelled", 0)
    work()
    assert copies(cluster, job["slurm_name"]) == 0, "what was never sent is never sent"
    assert Allocation.objects.get(code=allocation).state == "active"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/projects/"),
        ("get", "/requests/"),
        ("get", "/allocations/"),
        ("get", "/jobs/"),
        ("get", "/ledger/"),
        ("get", "/reports/usage"),
        ("post", "/projects/"),
        ("post", "/requests/"),
        ("post", "/jobs/"),
    ],
)
@pytest.mark.parametrize("credentials", ["", "Token tq_0000000000000000000000000000000000000000000000000000"])
def test_without_a_good_token_there_is_nothing(cast, method, path, credentials):
    client = APIClient(headers={"Authorization": credentials} if credentials else {})
    assert getattr(client, method)(f"{API}{path}").status_code == 401
