"""Starting, repairing, breaking and stopping a lab: with one of its own, beside any that is up."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab import lab as entry
from deploy.lab import tree
from deploy.lab.machine import processes
from deploy.lab.pytest_lab import SCRIPT, run_lab
from deploy.lab.state import Lab, LabDown, LabError, Process

from .rest import call, submit, wait_until

CLUSTER = "astrolabe-uet"


@pytest.fixture(scope="module")
def run(lab_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run directory of these tests alone, below a folder that only root may enter."""
    directory = tmp_path_factory.mktemp("private") / "lab"
    directory.parent.chmod(0o700)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TAQSEEM_LAB_DIR", str(directory))
        yield directory
        run_lab("down", "--purge")


@pytest.fixture
def up(run: Path) -> Lab:
    run_lab("up", CLUSTER)
    return Lab.load(run)


def mentioning(path: Path) -> list[int]:
    """Living processes with this path on their command line, other than lab.py itself."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(str(path).encode() in word for word in line):
            found.append(int(folder.name))
    return found


def everything(lab: Lab) -> set[Process]:
    machines = lab.machines.values()
    found = {process for machine in machines for process in (machine.init, *processes(machine))}
    return {process for process in found if process.state != "gone"}


def test_up_again_changes_nothing_and_says_so(up: Lab):
    before = everything(up)
    said = run_lab("up", CLUSTER).stdout
    assert "already up" in said
    assert up.cluster(CLUSTER).rest_url in said
    assert everything(Lab.load()) == before


def test_up_repairs_what_died_and_leaves_the_rest_alone(up: Lab):
    daemons = dict(up.cluster(CLUSTER).daemons)
    for name in ("slurmctld", "slurmd-uet01"):
        daemons[name].signal(signal.SIGKILL)
    assert run_lab("status", check=False).returncode == 1

    run_lab("up", CLUSTER)

    assert run_lab("status").returncode == 0
    repaired = Lab.load().cluster(CLUSTER).daemons
    assert {name for name in daemons if daemons[name] != repaired[name]} == {"slurmctld", "slurmd-uet01"}


def test_up_starts_anew_after_the_whole_machine_was_lost_and_keeps_the_accounting(up: Lab):
    cluster = up.cluster(CLUSTER)
    cluster.command("sacctmgr", "-i", "add", "account", "kept")
    up.machines[cluster.release].init.signal(signal.SIGKILL)
    wait_until(lambda: not everything(up))
    with pytest.raises(subprocess.CalledProcessError, match="69"):
        cluster.command("squeue")

    run_lab("up", CLUSTER)

    renewed = Lab.load().cluster(CLUSTER)
    assert renewed.rest_url == cluster.rest_url
    assert "kept" in renewed.command("sacctmgr", "-nP", "show", "account", "format=account").stdout.split()


def test_each_daemon_can_be_made_to_fail_and_brought_back(up: Lab):
    cluster = up.cluster(CLUSTER)

    def accounts() -> int:
        return call(
            cluster, "slurmdb/{}/accounts/", token=cluster.token(cluster.operator), user=cluster.operator
        )[0]

    assert accounts() == 200
    run_lab("ctl", CLUSTER, "stop", "slurmdbd")
    assert accounts() == 502
    run_lab("ctl", CLUSTER, "start", "slurmdbd")
    wait_until(lambda: accounts() == 200)

    run_lab("ctl", CLUSTER, "pause", "slurmctld")
    assert Lab.load().cluster(CLUSTER).daemons["slurmctld"].state == "paused"
    run_lab("ctl", CLUSTER, "resume", "slurmctld")
    assert "is UP" in cluster.command("scontrol", "ping").stdout

    for daemon in ("slurmctld", "slurmrestd"):
        run_lab("ctl", CLUSTER, "kill", daemon)
        assert Lab.load().cluster(CLUSTER).daemons[daemon].state == "gone"
        run_lab("ctl", CLUSTER, "start", daemon)
    assert run_lab("status").returncode == 0

    wrong = run_lab("ctl", CLUSTER, "stop", "slurmctl", check=False)
    assert wrong.returncode == 1
    assert "it has slurmdbd, slurmctld" in wrong.stderr


def test_down_leaves_no_process_and_no_mount_not_even_a_job_that_detached_itself(up: Lab, run: Path):
    cluster = up.cluster(CLUSTER)
    cluster.command("sacctmgr", "-i", "add", "account", "stopping")
    cluster.command("sacctmgr", "-i", "add", "user", "tqresearcher", "account=stopping")
    script = "#!/bin/sh\ntrap '' TERM\nsetsid sleep 98765 &\nsleep 98764\n"
    submit(cluster, "stopping", user="tqresearcher", gpus=1, minutes=5, script=script)
    wait_until(lambda: mentioning(Path("98765")))
    before = everything(up)
    assert {Process.of(pid) for pid in mentioning(Path("98765"))} <= before

    run_lab("down")

    assert [process for process in before if process.state != "gone"] == []
    assert mentioning(run) == []
    assert str(run) not in Path("/proc/self/mountinfo").read_text()
    assert up.machines[cluster.release].tree not in Path("/proc/self/mountinfo").read_text()
    with pytest.raises(LabDown, match="make lab-up"):
        Lab.load()
    assert not cluster_commands(cluster.bin)


def cluster_commands(folder: str) -> list[Path]:
    return list(Path(folder).glob("*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_up_leaves_nothing(run: Path, number: signal.Signals):
    run_lab("down")
    starting = subprocess.Popen(
        [sys.executable, str(SCRIPT), "up", CLUSTER],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore_signals,
    )
    wait_until(lambda: (run / "lab.json").exists())
    begun = everything(Lab.load())
    assert begun

    starting.send_signal(number)

    assert "interrupted" in starting.communicate()[1]
    assert starting.returncode == 130
    assert [process for process in begun if process.state != "gone"] == []
    assert mentioning(run) == []
    assert not (run / "lab.json").exists()


def ignore_signals() -> None:
    """As a shell without job control starts its background jobs."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def test_down_never_touches_a_process_that_merely_has_a_recorded_pid(up: Lab, run: Path):
    run_lab("down")
    with subprocess.Popen(["sleep", "600"]) as bystander:
        reused = Process(bystander.pid, Process.of(bystander.pid).started - 1)
        for owner in (*up.machines.values(), *up.clusters.values()):
            owner.daemons = dict.fromkeys(owner.daemons, reused)
        for machine in up.machines.values():
            machine.init = reused
        up.save()

        run_lab("down")

        assert bystander.poll() is None
        bystander.kill()


def test_an_interrupted_build_leaves_no_half_a_tree(run: Path, tmp_path: Path):
    run_lab("down")
    cache = tmp_path / "cache"
    building = subprocess.Popen(
        [sys.executable, str(SCRIPT), "up", CLUSTER],
        env=os.environ | {"TAQSEEM_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: list(cache.glob("*.building/debootstrap")))

    building.terminate()

    assert building.wait() == 130
    assert [path for path in cache.iterdir() if path.is_dir()] == []
    wait_until(lambda: not mentioning(cache))


def test_a_tree_with_something_mounted_in_it_is_never_removed(lab_possible: None, tmp_path: Path):
    inner = tmp_path / "tree" / "dev"
    inner.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "test", str(inner)], check=True)
    try:
        (inner / "precious").touch()
        with pytest.raises(LabError, match="unmount it first"):
            tree.remove_tree(tmp_path / "tree")
        assert (inner / "precious").exists()
    finally:
        subprocess.run(["umount", str(inner)], check=True)
    tree.remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_without_root_it_says_what_is_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"):
        entry.up([CLUSTER])
