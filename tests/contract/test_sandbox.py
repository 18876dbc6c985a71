"""What only the sandbox can do: its journal, its faults, its clock, its process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from scheduler_bridge.sandbox import ClusterConfig, PartitionConfig, SandboxConfig, SandboxServer
from scheduler_bridge.sandbox.jobs import planned_run
from scheduler_bridge.slurm_rest_client import (
    GPU,
    AssociationLimits,
    AuthRejected,
    JobState,
    NoAnswer,
    SlurmClient,
    SlurmError,
    Timeouts,
    Unavailable,
)

from .outages import OUTAGES, check
from .targets import SandboxTarget, sandbox_target, wait_until


def journal(sandbox: SandboxTarget, name: str) -> int:
    """How often a job of this name was accepted."""
    count: int = httpx.get(f"{sandbox.url}/sandbox/journal", params={"name": name}).json()["count"]
    return count


@pytest.mark.parametrize(
    ("kind", "error", "maybe_done", "accepted"),
    [
        ("timeout_before", NoAnswer, True, 0),
        ("timeout_after_accept", NoAnswer, True, 1),
        ("reset_before", NoAnswer, True, 0),
        ("reset_after_accept", NoAnswer, True, 1),
        ("truncated", NoAnswer, True, 1),
        ("500", NoAnswer, True, 0),
        ("500_after_accept", NoAnswer, True, 1),
        ("502", Unavailable, False, 0),
        ("511", AuthRejected, False, 0),
    ],
)
def test_faults_on_submit(
    sandbox: SandboxTarget, kind: str, error: type[SlurmError], maybe_done: bool, accepted: int
) -> None:
    spec = sandbox.spec(sandbox.new_account())
    sandbox.control("POST", "faults", kind=kind, seconds=30)
    with SlurmClient(sandbox.url, timeouts=Timeouts(total=1.0)) as impatient, pytest.raises(error) as caught:
        impatient.submit(sandbox.token(sandbox.user), spec)
    assert type(caught.value) is error
    assert caught.value.maybe_done is maybe_done
    assert journal(sandbox, spec.name) == accepted
    assert sandbox.submit(spec) > 0, "a fault strikes as often as it was told, then no more"


@pytest.mark.parametrize("call", OUTAGES)
def test_a_daemon_that_is_away(any_sandbox: SandboxTarget, call: str) -> None:
    any_sandbox.control("POST", "faults", kind="502", route=OUTAGES[call].route)
    check(OUTAGES[call], any_sandbox)


@pytest.mark.parametrize(
    "limits",
    [{"jobs": {"total": 5}}, {"tres": {"total": [{"type": "gres", "name": "gpu", "count": 1}]}}],
    ids=["no TRES at all", "another kind of TRES limit"],
)
@pytest.mark.parametrize("level", ["account", "user"])
def test_leaving_out_a_kind_of_tres_limit_kills_slurmrestd_of_22_05(
    old_sandbox: SandboxTarget, limits: dict[str, object], level: str
) -> None:
    """As on real daemons (tests/lab/test_outages.py): no answer, and nothing is written."""
    account = old_sandbox.new_account(gpu_minutes=9)
    user = old_sandbox.user if level == "user" else ""
    token, name = old_sandbox.token(), old_sandbox.name
    budget = AssociationLimits(group_tres_minutes={GPU: 9})
    if user:
        old_sandbox.client.upsert_association(token, name, account, budget, user=user)
    row = {"cluster": name, "account": account, "max": limits} | ({"user": user} if user else {})
    with pytest.raises(httpx.RemoteProtocolError):
        old_sandbox.call("POST", f"{old_sandbox.slurmdb}/associations", {"associations": [row]})
    stored = old_sandbox.client.association(token, name, account, user)
    assert stored is not None
    assert stored.limits == budget


def test_a_wrong_id_and_a_forgotten_job(sandbox: SandboxTarget) -> None:
    account = sandbox.new_account(AssociationLimits(max_active_jobs=0))
    sandbox.control("POST", "faults", kind="wrong_id")
    spec = sandbox.spec(account)
    wrong = sandbox.submit(spec)
    (real,) = [job.job_id for job in sandbox.client.list_jobs(sandbox.token()) if job.name == spec.name]
    assert wrong != real
    sandbox.control("POST", "faults", kind="forget_after_accept")
    lost = sandbox.spec(account)
    forgotten = sandbox.submit(lost)
    assert lost.name not in {job.name for job in sandbox.client.list_jobs(sandbox.token())}
    assert not sandbox.runs(job_name=lost.name)
    assert sandbox.submit(sandbox.spec(account)) == forgotten, "the next submit gets the same id"
    assert journal(sandbox, lost.name) == 1


@pytest.mark.parametrize("kind", ["empty", "304"])
def test_an_empty_list_is_no_answer(sandbox: SandboxTarget, kind: str) -> None:
    sandbox.submit(sandbox.spec(sandbox.new_account()))
    sandbox.control("POST", "faults", route="jobs", kind=kind)
    assert sandbox.client.list_jobs(sandbox.token()).complete is False
    assert sandbox.client.list_jobs(sandbox.token()).complete is True


def test_faults_can_be_forgotten(sandbox: SandboxTarget) -> None:
    sandbox.control("POST", "faults", kind="511", times=9)
    sandbox.control("DELETE", "faults")
    assert sandbox.submit(sandbox.spec(sandbox.new_account())) > 0


def test_a_misspelt_fault_is_refused(sandbox: SandboxTarget) -> None:
    reply = httpx.post(f"{sandbox.url}/sandbox/faults", json={"kind": "timeout"})
    assert reply.status_code == 400
    assert "kind" in reply.json()["error"]


def test_time_can_be_advanced(sandbox: SandboxTarget) -> None:
    account = sandbox.new_account(gpu_minutes=1000)
    spec = sandbox.spec(
        account, "#SANDBOX run=600 exit=3", time_limit_minutes=60, gpus=2, gpu_type=sandbox.gpu
    )
    job_id = sandbox.submit(spec)
    sandbox.control("POST", "advance", seconds=700, tokens=False)
    ended = sandbox.live(job_id)
    assert (ended.state, ended.exit.return_code) == (JobState.FAILED, 3)
    now = sandbox.client.diag(sandbox.token()).server_time
    (run,) = sandbox.client.accounting_jobs(sandbox.token(), sandbox.name, now - 900, now, spec.name)
    assert (run.elapsed_s, run.gpu_seconds) == (600, 1200)
    sandbox.control("POST", "advance", seconds=300, tokens=False)
    assert job_id not in {job.job_id for job in sandbox.client.list_jobs(sandbox.token())}, "MinJobAge"
    sandbox.control("POST", "advance", seconds=100)
    with pytest.raises(AuthRejected):
        sandbox.live(job_id)


@pytest.mark.parametrize(
    ("script", "run_s", "exit_code"),
    [
        ("#!/bin/sh\nexit 7\n", 0, 7),
        ("#!/bin/sh\r\nsleep 5\r\nexit 7\r\n", 5, 7),
        ("#!/bin/sh\nsleep 2; exit 3  # why\nsleep 99\n", 2, 3),
        ("#!/bin/sh\nif false; then\n  exit 1\nfi\npython train.py\n", 60, 0),
        ("#!/bin/sh\n#SANDBOX run=600 exit=4\npython train.py\n", 600, 4),
        ("exit 0\n", 0, 8),
    ],
)
def test_what_a_script_will_come_to(script: str, run_s: float, exit_code: int) -> None:
    """Time limit ten minutes, of which a script that tells nothing takes a tenth."""
    assert planned_run(script, 10, 0.1) == (run_s, exit_code)


def test_a_job_over_its_time_limit_is_timed_out(sandbox: SandboxTarget) -> None:
    spec = sandbox.spec(sandbox.new_account(), "sleep 1h", time_limit_minutes=1)
    job_id = sandbox.submit(spec)
    sandbox.control("POST", "advance", seconds=61, tokens=False)
    ended = sandbox.live(job_id)
    assert (ended.state, ended.reason) == (JobState.TIMEOUT, "TimeLimit")
    assert ended.end_time is not None
    assert ended.start_time is not None
    assert ended.end_time - ended.start_time == 60


def test_jobs_wait_for_gpus_and_small_ones_fill_the_gap(sandbox: SandboxTarget) -> None:
    def submit(gpus: int, minutes: int) -> int:
        return sandbox.submit(
            sandbox.spec(account, "sleep 1h", gpus=gpus, gpu_type="h100", time_limit_minutes=minutes)
        )

    account = sandbox.new_account()
    blocking = submit(8, 60), submit(6, 60)
    big, long, short = submit(8, 10), submit(2, 120), submit(2, 30)
    sandbox.control("POST", "advance", seconds=1, tokens=False)
    reason = {job.job_id: (job.state, job.reason) for job in sandbox.client.list_jobs(sandbox.token())}
    assert [reason[job_id][0] for job_id in blocking] == [JobState.RUNNING] * 2
    assert reason[big] == (JobState.PENDING, "Resources")
    assert reason[long] == (JobState.PENDING, "Priority"), "it would delay the big job"
    assert reason[short][0] is JobState.RUNNING, "it ends before the big job can start"


def test_speed_shortens_jobs(tmp_path: Path) -> None:
    with sandbox_target(tmp_path, speed=3600.0, slurmdb_lag_s=0.0) as quick:
        spec = quick.spec(quick.new_account(), "sleep 1h", time_limit_minutes=120)
        quick.submit(spec)
        (run,) = wait_until(lambda: [run for run in quick.runs(job_name=spec.name) if run.is_final])
        assert run.state is JobState.COMPLETED
        assert run.elapsed_s <= 3


def test_slurmdb_lags_behind(tmp_path: Path) -> None:
    with sandbox_target(tmp_path, slurmdb_lag_s=1000.0) as slow:
        spec = slow.spec(slow.new_account(AssociationLimits(max_active_jobs=0)))
        slow.submit(spec)
        assert not slow.runs(job_name=spec.name)
        slow.control("POST", "advance", seconds=1001, tokens=False)
        now = slow.client.diag(slow.token()).server_time
        assert slow.client.accounting_jobs(slow.token(), slow.name, now - 3000, now, spec.name).items


def at(server: SandboxServer, name: str, key_file: Path) -> SandboxTarget:
    key = key_file.read_bytes()
    url, users = server.urls[name], ["a", "b"]
    return SandboxTarget(name, url, key, release="24.11", partition="gpu", gpu="h100", users=users)


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(os.urandom(32))
    config = SandboxConfig(
        clusters=(ClusterConfig("one", str(key_file), (PartitionConfig("gpu"),)),), slurmdb_lag_s=0.0
    )

    def look() -> tuple[object, ...]:
        with SandboxServer(config, tmp_path) as server:
            target = at(server, "one", key_file)
            if not target.client.list_jobs(target.token()):
                account = target.new_account(gpu_minutes=100)
                for script in ("true", "exit 4", "sleep 1h"):
                    target.submit(target.spec(account, script, gpus=1, gpu_type="h100"), user="a")
                held = target.submit(target.spec(account, hold=True), user="a")
                target.client.cancel(target.token(), held)
                target.control("POST", "advance", seconds=1, tokens=False)
                target.control("POST", "requeue", job_id=3)
                target.control("POST", "advance", seconds=1, tokens=False)
            jobs = target.client.list_jobs(target.token()).items
            books = target.client.associations(target.token(), "one").items
            count = httpx.get(f"{target.url}/sandbox/journal").json()["count"]
            target.client.close()
            return jobs, books, count

    first = look()
    with (tmp_path / "one.jsonl").open("ab") as journal_file:
        journal_file.write(b'{"kind":"submit","t":1')  # a line that a kill cut off
    assert look() == first
    assert first[2] == 4


def test_clusters_are_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(os.urandom(32))
    config = SandboxConfig(
        clusters=tuple(
            ClusterConfig(name, str(tmp_path / name), (PartitionConfig("gpu"),)) for name in ("one", "two")
        )
    )
    with SandboxServer(config) as server:
        one = at(server, "one", tmp_path / "one")
        assert one.client.tres(one.token()).items.count(GPU) == 1
        with SlurmClient(server.urls["two"]) as other, pytest.raises(AuthRejected):
            other.list_jobs(one.token())
        one.client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_process_stops_on_a_signal(tmp_path: Path, number: int) -> None:
    (tmp_path / "key").write_bytes(os.urandom(32))
    clusters = [{"name": "one", "jwt_key_file": str(tmp_path / "key"), "partitions": [{"name": "gpu"}]}]
    (tmp_path / "config.json").write_text(json.dumps({"clusters": clusters}))
    process = start(tmp_path)
    try:
        ready = tmp_path / "state" / "sandbox.json"
        wait_until(ready.exists)
        described = json.loads(ready.read_text())["clusters"]["one"]
        assert described["rest_versions"] == ["v0.0.42"]
        url = described["rest_url"]
        assert httpx.get(f"{url}/sandbox/journal").json()["count"] == 0
        process.send_signal(number)
        assert process.wait(10) == 0
        assert not ready.exists()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('{"clusters": []}', "at least one"),
        (
            '{"clusters": [{"name": "a", "jwt_key_file": "nowhere", "partitions": [{"name": "g"}]}]}',
            "nowhere",
        ),
        ('{"clusters": [{"name": "a", "jwt_key_file": "x", "partitions": [], "colour": 1}]}', "colour"),
        ("{", "config.json"),
    ],
)
def test_a_bad_configuration_is_named(tmp_path: Path, config: str, words: str) -> None:
    (tmp_path / "config.json").write_text(config)
    process = start(tmp_path)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert words in errors
    assert "Traceback" not in errors


def start(directory: Path) -> subprocess.Popen[str]:
    options = ["--config", str(directory / "config.json"), "--state-dir", str(directory / "state")]
    return subprocess.Popen(
        [sys.executable, "-m", "scheduler_bridge.sandbox", *options], stderr=subprocess.PIPE, text=True
    )
