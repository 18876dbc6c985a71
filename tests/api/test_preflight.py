"""Preflights over the API."""

import pytest

from datacenters.models import Cluster
from scheduler_bridge.models import PreflightRun
from scheduler_bridge.sites.preflight.catalogue import CHECKS
from scheduler_bridge.sites.preflight.tasks import preflight
from tests.bridge_stage import Stage
from tests.unit.test_preflight import SHOWN

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/sites/ned/preflights/"
CONFIG = "/api/v1/sites/ned/slurm-config/"
SWITCH = "/api/v1/sites/ned/switch-on/"


def test_asking_and_reading(api, stage: Stage):
    client = api(stage.cast.site_manager)
    asked = client.post(RUNS)
    assert (asked.status_code, asked.data["state"], asked.data["lines"]) == (202, "running", [])
    preflight(asked.data["code"])
    [run] = client.get(RUNS).data["results"]
    assert (run["site"], run["verdict"], run["may_serve"], run["ledger_only_for"]) == (
        "ned", "hard_fence", True, [],
    )  # fmt: skip
    one = client.get(f"{RUNS}{run['code']}/").data
    assert {line["check"] for line in one["lines"]} == set(CHECKS)
    [cpus] = [line for line in one["lines"] if line["check"] == "cpu_only"]
    assert (cpus["result"], cpus["who"], cpus["params"]) == ("warning", "slurm", {"partitions": "gpu"})
    assert cpus["remedy"]


def test_a_repeat_starts_no_second(api, stage: Stage):
    client = api(stage.cast.admin)
    key = {"Idempotency-Key": "one"}
    assert client.post(RUNS, headers=key).data["code"] == client.post(RUNS, headers=key).data["code"]
    assert PreflightRun.objects.count() == 1


@pytest.mark.parametrize("who", ["pi", "auditor", "council", "outsider", None])
def test_nobody_else(api, stage: Stage, who):
    client = api(getattr(stage.cast, who) if who else None)
    for reply in (
        client.get(RUNS),
        client.post(RUNS),
        client.get(CONFIG),
        client.put(CONFIG, {"text": SHOWN}, format="json"),
        client.post(SWITCH, {"reason": "because"}, format="json"),
    ):
        assert reply.status_code == (403 if who else 401)
    assert not PreflightRun.objects.exists()


def test_configuration(api, stage: Stage):
    client = api(stage.cast.site_manager)
    assert client.get(CONFIG).status_code == 404
    wrong = client.put(CONFIG, {"text": "hello"}, format="json")
    assert (wrong.status_code, wrong.data["errors"][0]["field"]) == (400, "text")
    kept = client.put(CONFIG, {"text": SHOWN}, format="json")
    assert kept.status_code == 200
    assert client.get(CONFIG).data["settings"]["PriorityUsageResetPeriod"] == "NONE"


def test_switching_on(api, stage: Stage):
    Cluster.objects.filter(pk=stage.cluster.pk).update(is_enabled=False)
    manager, admin = api(stage.cast.site_manager), api(stage.cast.admin)
    assert manager.post(SWITCH, {"reason": "because"}, format="json").status_code == 403
    refused = admin.post(SWITCH, {}, format="json")
    assert (refused.status_code, refused.data["errors"][0]["code"]) == (409, "no_preflight")
    done = admin.post(SWITCH, {"reason": "Agreed by phone"}, format="json")
    assert (done.status_code, done.data) == (200, {"site": "ned", "is_enabled": True})
    assert admin.post(SWITCH, {}, format="json").status_code == 409
