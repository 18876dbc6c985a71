"""Jobs over the API: by who may, and by who may not."""

import pytest

from portal.foundation.models import AuditRow
from scheduler_bridge.models import Job
from tests.bridge_stage import SCRIPT, Stage
from tests.job_rows import plant_jobs

JOBS = "/api/v1/jobs/"


@pytest.fixture
def sent(stage: Stage):
    return {
        "allocation": stage.allocation.code,
        "title": "Training",
        "script": SCRIPT,
        "gpus": 2,
        "cpus": 8,
        "memory_mb": 16_000,
        "wall_minutes": 10,
    }


def test_anonymous_gets_nothing(api, db):
    assert api(None).get(JOBS).status_code == 401


def test_a_job_from_its_sending_to_its_end(api, stage: Stage, sent):
    client = api(stage.cast.member)
    reply = client.post(JOBS, sent, format="json")
    assert reply.status_code == 201
    shown = reply.json()
    assert (shown["state"], shown["held_gpu_seconds"], shown["script"]) == ("approved", 1200, SCRIPT)
    assert (shown["site"], shown["is_sandbox"]) == ("ned", True)
    row = AuditRow.objects.get(action="job_submit", object_code=shown["code"])
    assert (row.actor, row.channel) == (stage.cast.member.code, "api")

    from scheduler_bridge.provisioning.reconcile import reconcile

    reconcile(stage.fresh_allocation())
    stage.drain()
    stage.advance(61)
    stage.follow()
    ended = client.get(f"{JOBS}{shown['code']}/").json()
    assert (ended["state"], ended["held_gpu_seconds"], ended["exit_code"]) == ("completed", 0, 0)
    assert [attempt["outcome"] for attempt in ended["attempts"]] == ["accepted"]
    (run,) = ended["runs"]
    assert run["charged_gpu_seconds"] == ended["charged_gpu_seconds"] == 2 * run["elapsed_seconds"]
    assert run["slurm_job_id"] == ended["slurm_job_id"]


def test_the_same_key_sends_one_job(api, stage: Stage, sent):
    client = api(stage.cast.pi)
    first = client.post(JOBS, sent, format="json", headers={"Idempotency-Key": "one"})
    again = client.post(JOBS, sent, format="json", headers={"Idempotency-Key": "one"})
    assert again.json()["code"] == first.json()["code"]
    assert again["Idempotent-Replay"] == "true"
    assert Job.objects.count() == 1
    assert stage.balances.held == 1200
    other = client.post(JOBS, sent | {"gpus": 4}, format="json", headers={"Idempotency-Key": "one"})
    assert other.status_code == 409


def test_what_is_left_out_is_the_gpus_share(api, stage: Stage, sent):
    del sent["cpus"], sent["memory_mb"]
    shown = api(stage.cast.pi).post(JOBS, sent, format="json").json()
    assert (shown["cpus"], shown["memory_mb"]) == (16, 120_000)


@pytest.mark.parametrize(
    ("who", "status"),
    [("admin", 403), ("site_manager", 403), ("auditor", 403), ("colleague", 400), ("outsider", 400)],
)
def test_who_is_no_member_sends_nothing(api, stage: Stage, sent, who, status):
    client = api(getattr(stage.cast, who))
    assert client.post(JOBS, sent, format="json").status_code == status
    assert client.post(f"{JOBS}cost/", sent, format="json").status_code == status
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"gpus": 9}, "gpus"),
        ({"gpus": 0}, "gpus"),
        ({"cpus": 17}, "cpus"),
        ({"memory_mb": 120_001}, "memory_mb"),
        ({"wall_minutes": 2881}, "wall_minutes"),
        ({"wall_minutes": "long"}, "wall_minutes"),
        ({"script": "echo"}, "script"),
        ({"title": "two\nlines"}, "title"),
        ({"allocation": "alc-nonesuch"}, "allocation"),
    ],
)
def test_bad_input_names_its_field(api, stage: Stage, sent, wrong, field):
    reply = api(stage.cast.pi).post(JOBS, sent | wrong, format="json")
    assert reply.status_code == 400
    assert reply["Content-Type"] == "application/problem+json"
    assert [fault["field"] for fault in reply.json()["errors"]] == [field]
    assert stage.balances.held == 0


def test_over_budget_tells_the_figures(api, stage: Stage, sent):
    reply = api(stage.cast.pi).post(JOBS, sent | {"gpus": 8, "wall_minutes": 2880}, format="json")
    assert reply.status_code == 409
    assert reply.json()["figures"] == {"wanted": 8 * 2880 * 60, "available": 360_000}


def test_the_cost_is_reckoned(api, stage: Stage, sent):
    stage.cast.resource.rate_pkr = 600
    stage.cast.resource.save()
    reply = api(stage.cast.pi).post(f"{JOBS}cost/", sent, format="json")
    assert reply.json() == {
        "most_gpu_seconds": 1200,
        "most_gpu_hours": 0.3333,
        "available_gpu_seconds": 360_000,
        "left_gpu_seconds": 358_800,
        "fits": True,
        "most_pkr": 200,
    }
    too_much = api(stage.cast.pi).post(f"{JOBS}cost/", sent | {"gpus": 9}, format="json")
    assert (too_much.status_code, too_much.json()["figures"]["most"]) == (400, 8)


@pytest.mark.parametrize(("who", "script"), [("member", SCRIPT), ("admin", None), ("site_manager", None)])
def test_who_may_read_the_script(api, stage: Stage, who, script):
    job = stage.submit()
    assert api(getattr(stage.cast, who)).get(f"{JOBS}{job.code}/").json()["script"] == script
    (row,) = api(getattr(stage.cast, who)).get(JOBS).json()["results"]
    assert "script" not in row


@pytest.mark.parametrize("who", ["outsider", "colleague"])
def test_strangers_get_404(api, stage: Stage, who):
    job = stage.submit()
    client = api(getattr(stage.cast, who))
    assert client.get(JOBS).json()["count"] == 0
    assert client.get(f"{JOBS}{job.code}/").status_code == 404
    assert client.post(f"{JOBS}{job.code}/cancel/").status_code == 404
    job.refresh_from_db()
    assert job.state == "approved"


def test_cancel(api, stage: Stage):
    job = stage.submit(actor=stage.cast.pi)
    url = f"{JOBS}{job.code}/cancel/"
    assert api(stage.cast.member).post(url).status_code == 403
    assert api(stage.cast.auditor).post(url).status_code == 403
    reply = api(stage.cast.site_manager).post(url, {"reason": "Maintenance"}, format="json")
    assert (reply.status_code, reply.json()["state"]) == (200, "cancelled")
    assert AuditRow.objects.get(action="job_cancel", object_code=job.code).reason == "Maintenance"
    assert stage.balances.held == 0
    assert api(stage.cast.pi).post(url).status_code == 409


def test_a_reason_in_plain_words(api, stage: Stage):
    (job,) = plant_jobs(stage, 1, state="queued", reason="Priority", ended_at=None)
    reason = api(stage.cast.pi).get(f"{JOBS}{job.code}/").json()["reason"]
    assert reason["slurm"] == "Priority"
    assert "priority" in reason["text"]
    assert reason["remedy"]


def test_the_list_is_narrowed(api, stage: Stage):
    plant_jobs(stage, 3)
    stage.submit()
    client = api(stage.cast.pi)
    assert client.get(f"{JOBS}?state=open").json()["count"] == 1
    assert client.get(f"{JOBS}?allocation={stage.allocation.code}").json()["count"] == 4
    assert client.get(f"{JOBS}?site=nowhere").json()["count"] == 0
    assert client.get(f"{JOBS}?state=nonesuch").status_code == 400


@pytest.mark.parametrize("count", [5, 500])
def test_queries_dont_grow(api, stage: Stage, django_assert_max_num_queries, count):
    job = stage.submit()
    plant_jobs(stage, count)
    client = api(stage.cast.pi)
    with django_assert_max_num_queries(10):
        assert client.get(f"{JOBS}?page_size=500").json()["count"] == count + 1
    with django_assert_max_num_queries(15):
        client.get(f"{JOBS}{job.code}/")
