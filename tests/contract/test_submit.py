"""Submitting: what is accepted, what is refused and with which words."""

from typing import Any

import httpx
import pytest

from scheduler_bridge.slurm_rest_client import JobState, NoAnswer, Refused, SlurmClient, Timeouts

from .targets import VERSION, Target, wait_until


def test_a_job_runs_and_is_accounted(target: Target) -> None:
    spec = target.spec(target.new_account(), "sleep 2", gpus=2, gpu_type=target.gpu, cpus_per_task=2)
    submitted = target.client.submit(target.token(target.user), spec)
    assert submitted.job_id > 0
    assert submitted.warnings == ()
    live = target.live(submitted.job_id)
    assert (live.name, live.user, live.account, live.comment) == (
        spec.name,
        target.user,
        spec.account,
        spec.comment,
    )
    assert (live.gpus, live.time_limit_minutes, live.partition) == (2, 5, target.partition)

    def finished() -> Any:
        return [run for run in target.runs(job_name=spec.name) if run.is_final]

    (run,) = wait_until(finished)
    assert (run.cluster, run.job_id, run.user, run.account) == (
        target.name,
        submitted.job_id,
        target.user,
        spec.account,
    )
    assert run.comment == spec.comment
    assert run.state is JobState.COMPLETED
    assert (run.exit.status, run.exit.return_code) == ("SUCCESS", 0)
    assert (run.gpus, run.gpus_requested) == (2, 2)
    assert run.elapsed_s == run.end_time - run.start_time >= 2
    assert run.gpu_seconds == 2 * run.elapsed_s
    assert run.submit_time == live.submit_time <= run.start_time


def test_pending_and_running_times_are_no_guesses(target: Target) -> None:
    job_id = target.submit(target.spec(target.new_account()))
    running = wait_until(lambda: (job := target.live(job_id)).state is JobState.RUNNING and job)
    assert running.start_time is not None
    assert running.end_time is None


def test_an_exit_code_is_kept(target: Target) -> None:
    spec = target.spec(target.new_account(), "exit 7")
    target.submit(spec)
    (run,) = wait_until(lambda: [run for run in target.runs(job_name=spec.name) if run.is_final])
    assert run.state is JobState.FAILED
    assert (run.exit.status, run.exit.return_code) == ("ERROR", 7)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"cwd": ""}, 500, 2063, id="no working directory"),
        pytest.param({"environment": {}}, 500, 2019, id="no environment"),
        pytest.param({"script": ""}, 422, 9000, id="empty script"),
        pytest.param({"account": "tqctnone"}, 500, 2045, id="account"),
        pytest.param({"partition": "none"}, 500, 2000, id="partition"),
        pytest.param({"qos": "none"}, 500, 2066, id="qos"),
        pytest.param({"gpus": 99, "gpu_type": "h100"}, 500, 2014, id="too many GPUs"),
        pytest.param({"gpus": 1, "gpu_type": "nosuch"}, 500, 2014, id="GPU model"),
        pytest.param({"cpus_per_task": 999}, 500, 2014, id="CPUs"),
        pytest.param({"memory_mb": 99_999_999}, 500, 2014, id="memory"),
        pytest.param({"nodes": 99}, 500, 2014, id="nodes"),
        pytest.param({"script": "#!/bin/bash\n" + "#" * 5_000_000}, 500, 2012, id="script too long"),
    ],
)
def test_refusals(target: Target, changes: dict[str, Any], status: int, code: int) -> None:
    spec = target.spec(target.new_account(), **changes)
    with pytest.raises(Refused) as caught:
        target.submit(spec)
    refused = caught.value
    assert (refused.status, refused.code) == (status, code)
    assert refused.maybe_done is False
    assert refused.reason
    assert refused.cause != Refused.default.cause, "the table of explanations lacks this code"
    assert refused.remedy


def test_a_user_without_an_association_is_refused(target: Target) -> None:
    with pytest.raises(Refused) as caught:
        target.submit(target.spec(target.new_account()), user="nosuchuser")
    assert caught.value.code == 2045


def test_a_job_that_no_node_can_hold_leaves_a_failed_record(target: Target) -> None:
    """Who looks for a job by name after such a refusal finds one: it never ran and costs nothing."""
    spec = target.spec(target.new_account(), gpus=99, gpu_type=target.gpu)
    with pytest.raises(Refused):
        target.submit(spec)
    (left,) = [job for job in target.client.list_jobs(target.token()) if job.name == spec.name]
    assert (left.state, left.reason) == (JobState.FAILED, "BadConstraints")
    (run,) = wait_until(lambda: target.runs(job_name=spec.name).items)
    assert (run.state, run.start_time, run.elapsed_s, run.gpus) == (JobState.FAILED, None, 0, 0)
    assert run.is_final


def test_an_unknown_field_is_ignored_with_a_warning(target: Target) -> None:
    """So a `gres` field yields a job without a GPU."""
    account = target.new_account()
    job = {
        "name": "tqct-gres",
        "account": account,
        "partition": target.partition,
        "current_working_directory": "/tmp",
        "environment": ["PATH=/bin"],
        "standard_output": "/dev/null",
        "gres": f"gpu:{target.gpu}:1",
    }
    reply = target.call(
        "POST",
        f"/slurm/{VERSION}/job/submit",
        {"script": "#!/bin/sh\nsleep 60\n", "job": job},
        user=target.user,
    )
    assert reply.status_code == 200
    assert "unknown field" in reply.json()["warnings"][0]["description"]
    assert target.live(reply.json()["job_id"]).gpus == 0


def test_malformed_json(target: Target) -> None:
    headers = target.token(target.user).headers() | {"Content-Type": "application/json"}
    reply = httpx.post(f"{target.url}/slurm/{VERSION}/job/submit", headers=headers, content=b"{bad")
    assert (reply.status_code, reply.headers["content-type"]) == (400, "text/plain")


def test_a_held_submit_is_accepted_with_a_warning(target: Target) -> None:
    spec = target.spec(target.new_account(), hold=True)
    submitted = target.client.submit(target.token(target.user), spec)
    assert "held" in submitted.warnings[0]
    live = target.live(submitted.job_id)
    assert (live.state, live.held, live.reason) == (JobState.PENDING, True, "JobHeldUser")


def test_a_job_beyond_the_partitions_time_stays_pending(target: Target) -> None:
    job_id = target.submit(target.spec(target.new_account(), time_limit_minutes=500_000))
    wait_until(lambda: target.live(job_id).reason == "PartitionTimeLimit")


@pytest.mark.parametrize(("lifetime", "lands"), [(3, False), (60, True)])
def test_the_tokens_expiry_is_a_fence(target: Target, lifetime: int, lands: bool) -> None:
    """A submission that the client gave up on lands later, unless its token has expired by then."""
    spec = target.spec(target.new_account(), "sleep 1")
    token = target.token(target.user, lifetime=lifetime)
    impatient = SlurmClient(target.url, timeouts=Timeouts(total=1.0))
    with target.stalled(seconds=6), impatient, pytest.raises(NoAnswer) as caught:
        impatient.submit(token, spec)
    assert caught.value.maybe_done

    def landed() -> bool:
        live = {job.name for job in target.client.list_jobs(target.token())}
        return spec.name in live or bool(target.runs(job_name=spec.name).items)

    if lands:
        wait_until(landed)
    else:
        # A later submission through the same daemon proves that the stalled one had its turn.
        after = target.spec(spec.account, "sleep 1")
        target.submit(after)
        wait_until(lambda: target.runs(job_name=after.name).items)
        assert not landed()
