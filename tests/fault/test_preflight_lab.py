"""The preflight on real Slurm: it passes where all is well, and each line fails where just that is broken.

The broken clusters are two of the catalogue's own, in a lab beside the one that may be up.
"""

import os
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from datacenters.models import Cluster, Resource
from deploy.lab.pytest_lab import run_lab
from deploy.lab.state import Lab, LabCluster
from scheduler_bridge.models import PreflightRun, SiteLogin
from scheduler_bridge.sites.preflight import probe as probing
from scheduler_bridge.sites.preflight import selectors, services
from scheduler_bridge.sites.preflight.checks import connection
from scheduler_bridge.sites.preflight.lines import Line
from scheduler_bridge.sites.preflight.probe import Probe
from scheduler_bridge.sites.preflight.run import STEPS
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.lab, pytest.mark.fault]

BROKEN = ("broken", "broken-old")
GHOST = "tqghost"


@pytest.fixture(scope="module")
def broken(lab_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("broken") / "lab"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TAQSEEM_LAB_DIR", str(directory))
        try:
            run_lab("up", *BROKEN)
            yield Lab.load(directory)
        finally:
            run_lab("down", "--purge")


@pytest.fixture(autouse=True)
def installation(settings):
    """Probe accounts of its own, lest another installation's clean-up take these jobs for its own."""
    settings.INSTALLATION = "pflab"


def sacctmgr(real: LabCluster, *words: str) -> None:
    real.command("sacctmgr", "-i", *words, check=False)


def connect(cast: Cast, real: LabCluster, **changes) -> Cluster:
    """The cast's cluster is the real one; people are linked, of whom Linux doesn't know the ghost."""
    Resource.objects.filter(pk=cast.resource.pk).update(gres_type=real.gpu, partition=real.partition)
    known = {"url": real.rest_url, "slurm_name": real.name, "signer": real.jwt_key, "is_sandbox": False}
    Cluster.objects.filter(pk=cast.cluster.pk).update(**known | changes)
    return Cluster.objects.select_related("site").get(pk=cast.cluster.pk)


def link(cast: Cast, real: LabCluster, *logins: str) -> None:
    sacctmgr(real, "add", "account", "tqpflab")
    for user, login in zip((cast.pi, cast.member), logins, strict=False):
        SiteLogin.objects.create(user=user, site=cast.site, login=login)
        sacctmgr(real, "add", "user", login, "account=tqpflab")


def fly(cast: Cast, real: LabCluster) -> dict[str, dict]:
    """The lines of a whole preflight, by check; nothing of it may be left or have run."""
    cluster = connect(cast, real)
    shown = real.command("scontrol", "show", "config").stdout
    services.slurm_config_report(actor=cast.site_manager, cluster=cluster, text=shown)
    run = services.preflight_run(services.preflight_start(actor=cast.site_manager, cluster=cluster))
    assert run.state == "done"
    name = f"tq-pflab-preflight-{run.code}"
    assert real.command("squeue", "-h", "-n", name).stdout == ""
    ran = real.command("sacct", "-XnP", "-A", "tqpflabprobe", "-S", "2020-01-01", "-o", "ElapsedRaw,NodeList")
    assert {line for line in ran.stdout.splitlines() if not line.startswith("0|None")} == set()
    return {line["check"]: line for line in selectors.told(run)}


def results(lines: dict[str, dict]) -> dict[str, str]:
    return {check: str(line["result"]) for check, line in lines.items()}


def look(cluster: Cluster, check: str) -> Line:
    """One line alone, with the way to it."""
    step = next(step for step in STEPS if step.check == check)
    with Probe(cluster, "one", {}) as probe:
        connection.versions(probe)
        if check != "token":
            connection.token(probe)
        return step.look(probe)


def found(line: Line) -> tuple[str, str, str]:
    told = selectors.in_words(line.stored())
    return line.code, str(told["result"]), str(told["who"])


@pytest.mark.parametrize("name", ["astrolabe-ned", "datavault"])
def test_all_is_well(cast, lab, name):
    real = lab.cluster(name)
    link(cast, real, "tqresearcher")
    told = results(fly(cast, real))
    assert {check for check, result in told.items() if result != "passed"} == {"cpu_only", "private"}
    run = PreflightRun.objects.get()
    assert (run.verdict, run.may_serve) == ("hard_fence", True)
    assert run.versions == (["v0.0.38"] if real.release == "22.05" else ["v0.0.42", "v0.0.41", "v0.0.40"])


def test_a_broken_24_11(cast, broken):
    real = broken.cluster("broken")
    link(cast, real, "tqresearcher", GHOST)
    # A QOS that lets no job without GPUs in: what the remedy says.
    sacctmgr(real, "add", "qos", "gpuonly", "set", "MinTRESPerJob=gres/gpu=1", "Flags=DenyOnLimit")
    real.command("scontrol", "update", f"PartitionName={real.partition}", "QOS=gpuonly")
    lines = fly(cast, real)
    told = results(lines)
    assert {check: result for check, result in told.items() if result != "passed"} == {
        "partitions": "failed", "safe": "warning", "decay": "failed", "comment": "failed",
        "logins": "failed",
    }  # fmt: skip
    assert lines["decay"]["params"] == {"settings": "PriorityDecayHalfLife=7-00:00:00"}
    assert lines["logins"]["params"] == {"names": GHOST}
    assert lines["cpu_only"]["code"] == lines["private"]["code"] == "ok"
    run = PreflightRun.objects.get()
    assert (run.verdict, run.may_serve) == ("ledger_only", False)


def test_a_broken_22_05(cast, broken):
    real = broken.cluster("broken-old")
    link(cast, real, "tqresearcher")
    lines = fly(cast, real)
    told = results(lines)
    assert {check: result for check, result in told.items() if result != "passed"} == {
        "gpu_tracked": "failed", "associations": "failed", "limits": "failed", "safe": "warning",
        "decay": "failed", "cpu_only": "warning", "private": "warning", "comment": "failed",
        "logins": "untried",
    }  # fmt: skip
    assert lines["decay"]["params"] == {"settings": "PriorityUsageResetPeriod=MONTHLY"}
    assert selectors.why_ledger_only(PreflightRun.objects.get()) == [
        "GPUs are counted", "Unknown Slurm accounts are refused", "Limits are enforced", "Spent is spent",
    ]  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_entered_wrongly(cast, broken, name, tmp_path, monkeypatch):
    real = broken.cluster(name)
    other = tmp_path / "other.key"
    other.write_bytes(b"k" * 32)
    assert found(look(connect(cast, real, signer=str(other)), "token")) == ("wrong_key", "failed", "operator")
    elsewhere = look(connect(cast, real, slurm_name="elsewhere"), "cluster_name")
    assert elsewhere.code == ("unknown" if real.release == "22.05" else "other")

    sacctmgr(real, "add", "user", "tqstartup", "account=root")
    sacctmgr(real, "add", "user", GHOST, "account=root")
    sacctmgr(real, "modify", "user", GHOST, "set", "adminlevel=Administrator")
    for login, code in (("tqagency", "missing"), ("tqstartup", "low"), (GHOST, "no_linux_user")):
        line = look(connect(cast, real, operator_login=login), "rights")
        assert found(line) == (code, "failed", "slurm"), line

    cluster = connect(cast, real)
    Resource.objects.filter(pk=cast.resource.pk).update(gpu_count=17)
    assert found(look(cluster, "gpus")) == ("too_few", "failed", "manager")
    Resource.objects.filter(pk=cast.resource.pk).update(gpu_count=16, gpus_per_node=16)
    assert found(look(cluster, "gpus")) == ("per_node", "failed", "manager")
    Resource.objects.filter(pk=cast.resource.pk).update(partition="nowhere")
    assert found(look(cluster, "partitions")) == ("missing", "failed", "manager")


@pytest.mark.parametrize("name", BROKEN)
def test_a_clock_that_is_off(cast, broken, name, monkeypatch):
    cluster = connect(cast, broken.cluster(name))

    def portal_is(seconds: int) -> None:
        shifted = SimpleNamespace(
            time=lambda: time.time() + seconds, monotonic=time.monotonic, sleep=time.sleep
        )
        monkeypatch.setattr(probing, "time", shifted)

    portal_is(-100)
    assert found(look(cluster, "token")) == ("clock", "failed", "slurm")
    late = look(cluster, "clock")
    assert (found(late), late.params["whose"]) == (("broken", "failed", "slurm"), "slurmctld")
    assert 98 <= late.params["seconds"] <= 102
    portal_is(8)
    assert look(cluster, "token").code == "ok"
    assert found(look(cluster, "clock")) == ("skewed", "warning", "slurm")


@pytest.mark.parametrize("name", BROKEN if os.environ.get("TAQSEEM_TEST_SIZE") == "full" else BROKEN[:1])
def test_daemons_that_are_away(cast, broken, name, monkeypatch):
    """The way ends at slurmrestd, at slurmctld, at slurmdbd: each time the line says where."""
    real = broken.cluster(name)
    monkeypatch.setenv("TAQSEEM_LAB_DIR", broken.directory)
    cluster = connect(cast, real)
    for daemon, check, code in (
        ("slurmdbd", "rights", "no_dbd"),
        ("slurmctld", "token", "controller"),
        ("slurmrestd", "reachable", "refused"),
    ):
        run_lab("ctl", name, "stop", daemon)
        try:
            with Probe(cluster, "one", {}) as probe:
                step = next(step for step in STEPS if step.check == check)
                if check != "reachable":
                    connection.versions(probe)
                assert step.look(probe).code == code
        finally:
            run_lab("ctl", name, "start", daemon)
