"""Preflights as people meet them: asked for, run on a cluster, kept, told, and what they allow."""

import httpx
import pytest

from datacenters.models import Cluster, Resource
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused
from portal.foundation.models import AuditRow, OutboxRow
from portal.notices.models import Notice
from scheduler_bridge.models import PreflightRun
from scheduler_bridge.sites.preflight import selectors, services
from scheduler_bridge.sites.preflight.catalogue import CHECKS
from scheduler_bridge.sites.preflight.lines import Result
from scheduler_bridge.sites.preflight.probe import Probe
from scheduler_bridge.sites.preflight.run import STEPS, hard_faults
from scheduler_bridge.sites.preflight.tasks import preflight, preflight_nightly
from scheduler_bridge.slurm_rest_client import SlurmError
from tests.bridge_stage import Stage
from tests.unit.test_preflight import SHOWN

pytestmark = pytest.mark.django_db


def fly(stage: Stage, **changes) -> PreflightRun:
    """A whole preflight of the stage's cluster, changed first."""
    Cluster.objects.filter(pk=stage.cluster.pk).update(**changes)
    cluster = Cluster.objects.select_related("site").get(pk=stage.cluster.pk)
    run = services.preflight_start(actor=stage.cast.site_manager, cluster=cluster)
    preflight(run.code)
    run.refresh_from_db()
    return run


def results(run: PreflightRun) -> dict[str, Result]:
    return {line["check"]: line["result"] for line in selectors.told(run)}


def open_jobs(stage: Stage) -> int:
    jobs = httpx.get(f"{stage.cluster.url}/sandbox/state").raise_for_status().json()["jobs"]
    return jobs.get("PENDING", 0) + jobs.get("RUNNING", 0)


def test_a_cluster_where_all_is_well(stage: Stage):
    run = fly(stage, slurm_release="", api_version="v0.0.40")
    told = results(run)
    assert set(told) == set(CHECKS)
    assert set(told.values()) == {Result.PASSED, Result.WARNING}
    assert (run.state, run.verdict, run.may_serve) == ("done", "hard_fence", True)
    cluster = Cluster.objects.get(pk=stage.cluster.pk)
    assert (cluster.api_version, cluster.slurm_release) == (run.versions[0], run.release) != ("v0.0.40", "")
    assert open_jobs(stage) == 0
    rows = AuditRow.objects.filter(action__startswith="preflight", object_code=cluster.code)
    assert [(row.action, row.actor) for row in rows.order_by("pk")] == [
        ("preflight_start", stage.cast.site_manager.code),
        ("preflight_finish", stage.cast.site_manager.code),
    ]


def test_without_the_configuration_the_ledger_is_the_only_fence(stage: Stage):
    run = fly(stage, is_sandbox=False)
    assert results(run)["decay"] == Result.UNTRIED
    assert (run.verdict, run.may_serve) == ("ledger_only", True)
    assert selectors.why_ledger_only(run) == ["Spent is spent"]
    services.slurm_config_report(actor=stage.cast.site_manager, cluster=stage.cluster, text=SHOWN)
    assert fly(stage, is_sandbox=False).verdict == "hard_fence"


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"slurm_name": "elsewhere"}, "cluster_name"),
        ({"operator_login": "somebody"}, "rights"),
        ({"signer": "/nowhere/x.key"}, "token"),
    ],
)
def test_what_is_entered_wrongly_is_found(stage: Stage, changes, failing):
    run = fly(stage, **changes)
    told = results(run)
    assert told[failing] == Result.FAILED
    assert not run.may_serve
    assert all(told[step.check] == Result.UNTRIED for step in STEPS if failing in step.needs), (
        "what needs it isn't tried"
    )


def test_a_wrong_key_is_told_from_the_clock(stage: Stage, tmp_path):
    other = tmp_path / "other.key"
    other.write_bytes(b"k" * 32)
    run = fly(stage, signer=str(other))
    line = next(line for line in run.lines if line["check"] == "token")
    assert (line["code"], line["params"]) == ("wrong_key", {"key": "other.key"})
    # The sandbox's clock runs ten minutes ahead: our tokens have expired before they come.
    stage.control("advance", seconds=600, tokens=True)
    run = fly(stage, signer=str(stage.cluster.signer))
    codes = {line["check"]: line["code"] for line in run.lines}
    assert (codes["token"], codes["clock"]) == ("clock", "broken")
    clock = next(line for line in run.lines if line["check"] == "clock")
    assert 590 <= clock["params"]["seconds"] <= 610


def test_nobody_there(stage: Stage):
    run = fly(stage, url="http://127.0.0.1:9")
    told = results(run)
    assert (told["reachable"], told["versions"], told["limits"]) == ("failed", "untried", "untried")
    assert "reachable" in hard_faults(run.lines)
    assert (run.verdict, run.may_serve) == ("ledger_only", False)


def test_resources_that_promise_too_much(stage: Stage):
    stage.control("partition", name="gpu", up=False)
    Resource.objects.filter(pk=stage.cast.resource.pk).update(gpu_count=17)
    told = results(fly(stage))
    assert (told["partitions"], told["gpus"]) == ("failed", "failed")


# --- Probe jobs -------------------------------------------------------------------------------------
def test_probe_jobs_are_held_and_named(stage: Stage):
    run = fly(stage)
    journal = httpx.get(f"{stage.cluster.url}/sandbox/journal").json()["submits"]
    assert journal
    assert {job["name"] for job in journal} == {f"tq-pk-preflight-{run.code}"}
    assert {job["account"] for job in journal} == {"tqpkprobe"}


class Killed(BaseException):
    """As SystemExit is: nothing that a check may catch."""


def test_a_preflight_that_is_interrupted_leaves_nothing(stage: Stage, monkeypatch):
    monkeypatch.setattr(Probe, "cancel", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        fly(stage)
    assert open_jobs(stage), "not even the clean-up came to its work"
    monkeypatch.undo()
    broken = PreflightRun.objects.get()
    assert (broken.state, broken.is_at_work) == ("running", True)
    # Found dead after a while, the next run clears up behind it.
    PreflightRun.objects.update(updated_at="2026-01-01T00:00:00Z")
    run = fly(stage)
    assert run.may_serve
    assert open_jobs(stage) == 0
    broken.refresh_from_db()
    assert broken.state == "broken"


def test_what_cant_be_cancelled_is_told(stage: Stage, monkeypatch):
    def cancel(*_):
        raise SlurmError("cancel", "Access/permission denied", code=2002)

    monkeypatch.setattr("scheduler_bridge.slurm_rest_client.SlurmClient.cancel", cancel)
    line = selectors.told(fly(stage))[-1]
    assert (line["check"], line["code"], line["result"]) == ("cleanup", "left", "warning")
    assert "scancel" in line["remedy"]


def test_a_restored_portal_only_looks(stage: Stage, monkeypatch):
    monkeypatch.setattr("scheduler_bridge.installation.standing.may_change", lambda _cluster: False)
    run = fly(stage)
    told = results(run)
    assert (told["gpus"], told["rights"], told["limits"]) == ("passed", "untried", "untried")
    assert not httpx.get(f"{stage.cluster.url}/sandbox/journal").json()["submits"]
    assert not run.may_serve


# --- Asking for one ---------------------------------------------------------------------------------
def test_one_at_a_time(stage: Stage):
    actor, cluster = stage.cast.admin, stage.cluster
    first = services.preflight_start(actor=actor, cluster=cluster)
    assert services.preflight_start(actor=actor, cluster=cluster) == first
    assert OutboxRow.objects.filter(topic="cluster_preflight").count() == 1
    preflight(first.code)
    lines = PreflightRun.objects.get().lines
    preflight(first.code)  # delivered twice
    assert PreflightRun.objects.get().lines == lines
    assert services.preflight_start(actor=actor, cluster=cluster) != first


@pytest.mark.parametrize("who", ["pi", "council", "auditor", "outsider"])
def test_only_who_runs_the_site(stage: Stage, who):
    actor, cluster = getattr(stage.cast, who), stage.cluster
    with pytest.raises(NotAllowed):
        services.preflight_start(actor=actor, cluster=cluster)
    with pytest.raises(NotAllowed):
        services.slurm_config_report(actor=actor, cluster=cluster, text=SHOWN)
    with pytest.raises(NotAllowed):
        services.cluster_switch_on(actor=actor, cluster=cluster)
    fly(stage)
    assert not selectors.visible_to(actor).exists()
    assert selectors.visible_to(stage.cast.site_manager).count() == 1


def test_every_night(stage: Stage):
    Cluster.objects.exclude(pk=stage.cluster.pk).update(is_enabled=False)
    preflight_nightly()
    run = PreflightRun.objects.get()
    assert (run.cluster, run.requested_by) == (stage.cluster, None)
    Cluster.objects.update(is_enabled=False)
    PreflightRun.objects.all().delete()
    preflight_nightly()
    assert not PreflightRun.objects.exists()


def test_managers_hear_that_it_got_worse(stage: Stage):
    fly(stage)
    fly(stage)
    assert not Notice.objects.filter(kind="preflight_worse").exists()
    run = fly(stage, is_sandbox=False)  # the configuration isn't shown
    notice = Notice.objects.get(kind="preflight_worse")
    assert (notice.user, notice.url) == (stage.cast.site_manager, run.get_absolute_url())
    assert "no longer stops over-use" in notice.title
    fly(stage, is_sandbox=False)
    assert Notice.objects.filter(kind="preflight_worse").count() == 1, "told once"
    fly(stage, is_sandbox=False, url="http://127.0.0.1:9")
    assert "no longer passes" in Notice.objects.filter(kind="preflight_worse").latest("pk").title


# --- The configuration ------------------------------------------------------------------------------
def test_another_clusters_configuration_is_refused(stage: Stage):
    with pytest.raises(InvalidInput) as refusal:
        services.slurm_config_report(
            actor=stage.cast.admin, cluster=stage.cluster, text=SHOWN.replace("= ned", "= uet")
        )
    assert refusal.value.field == "text"
    report = services.slurm_config_report(actor=stage.cast.admin, cluster=stage.cluster, text=SHOWN)
    assert "jwt" not in str(report.settings)
    assert AuditRow.objects.get(action="slurm_config_report").after == report.settings


# --- Switching on -----------------------------------------------------------------------------------
def test_a_cluster_is_switched_on_once_it_passed(stage: Stage):
    Cluster.objects.update(is_enabled=False)
    cluster = Cluster.objects.get(pk=stage.cluster.pk)
    refusal = services.preflight_allows(cluster)
    assert refusal is not None
    assert refusal.code == "no_preflight"
    with pytest.raises(Refused):
        services.cluster_switch_on(actor=stage.cast.admin, cluster=cluster)
    fly(stage)
    cluster.refresh_from_db()
    assert services.preflight_allows(cluster) is None
    assert services.cluster_switch_on(actor=stage.cast.admin, cluster=cluster).is_enabled
    cluster.refresh_from_db()
    with pytest.raises(IllegalState):
        services.cluster_switch_on(actor=stage.cast.admin, cluster=cluster)
    assert not AuditRow.objects.filter(action="preflight_override").exists()


@pytest.mark.parametrize("change", [{"operator_login": "somebody"}, {"is_sandbox": False}])
def test_a_preflight_of_another_address_or_kind_says_nothing(stage: Stage, change):
    fly(stage)
    Cluster.objects.update(is_enabled=False, **change)
    refusal = services.preflight_allows(Cluster.objects.get(pk=stage.cluster.pk))
    assert refusal is not None
    assert refusal.code == "preflight_outdated"


def test_a_cluster_that_was_led_elsewhere_meanwhile_isnt_switched_on(stage: Stage):
    fly(stage, is_enabled=False)
    seen = Cluster.objects.get(pk=stage.cluster.pk)
    Cluster.objects.update(url="http://127.0.0.1:9")
    with pytest.raises(Refused) as refusal:
        services.cluster_switch_on(actor=stage.cast.admin, cluster=seen)
    assert refusal.value.code == "preflight_outdated"
    assert not Cluster.objects.get(pk=stage.cluster.pk).is_enabled


def test_a_failing_cluster_needs_a_reason(stage: Stage):
    fly(stage, is_enabled=False, operator_login="somebody")
    cluster = Cluster.objects.get(pk=stage.cluster.pk)
    with pytest.raises(Refused) as refusal:
        services.cluster_switch_on(actor=stage.cast.admin, cluster=cluster, reason=" ")
    assert (refusal.value.code, refusal.value.field) == ("preflight_failed", "reason")
    assert "rights" in refusal.value.figures["checks"]
    switched = services.cluster_switch_on(actor=stage.cast.admin, cluster=cluster, reason="Agreed by phone")
    assert switched.is_enabled
    row = AuditRow.objects.get(action="preflight_override")
    assert (row.reason, row.after["refused"]) == ("Agreed by phone", "preflight_failed")
