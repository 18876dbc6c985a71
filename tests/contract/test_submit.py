"""Submitting: what is accepted, what is refused and with which words."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from scheduler_bridge.slurm_rest_client import JobState, NoAnswer, Refused, SlurmClient, Timeouts

from .targets import Target, wait_until

type Note = Callable[[str, object], None]


def test_a_job_runs_and_is_accounted(target: Target) -> None:
    spec = target.spec(target.account(), "sleep 2", gpus=2, gpu_type=target.gpu, cpus_per_task=2)
    submitted = target.client.submit(target.token(target.user), spec)
    assert submitted.job_id > 0
    assert (submitted.warnings, submitted.errors) == ((), ())
    live = target.live(submitted.job_id)
    assert (live.name, live.user, live.account, live.comment) == (
        spec.name,
        target.user,
        spec.account,
        spec.comment,
    )
    assert (live.gpus, live.time_limit_minutes, live.partition) == (2, 5, target.partition)
    run = target.final(spec.name)
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
    running = target.live(target.running())
    assert running.start_time is not None
    assert running.end_time is None


def test_an_exit_code(target: Target, note: Note) -> None:
    """22.05 keeps it in slurmctld and calls it SUCCESS in slurmdb. Time is counted from second to second: a
    job of no time may have taken none."""
    spec = target.spec(target.account(), "exit 7")
    job_id = target.submit(spec)
    run = target.final(spec.name)
    assert run.state is JobState.FAILED
    assert run.start_time is not None
    assert run.elapsed_s == run.end_time - run.start_time <= 2
    assert target.live(job_id).exit.return_code == 7
    assert run.exit.return_code == target.says(None, 7)
    note("Exit code 7 in slurmdb", target.says("told as SUCCESS", "7"))


PATTERN = "/tmp/tqct-%x-%j.out"


def test_output_paths(target: Target, note: Note) -> None:
    spec = target.spec(target.account("parked"), stdout=PATTERN)
    job_id = target.submit(spec)
    assert target.live(job_id).stdout == f"/tmp/tqct-{spec.name}-{job_id}.out"
    (raw,) = target.call("GET", f"{target.slurm}/job/{job_id}").json()["jobs"]
    note("Output path as listed", "as submitted" if raw["standard_output"] == PATTERN else "filled in")
    assert (raw["standard_output"] == PATTERN) is target.is_old


type Answer = tuple[int, int]
"""HTTP status and Slurm's error number; 200 with a number: accepted all the same."""

REFUSALS: dict[str, tuple[dict[str, Any], Answer, Answer]] = {
    "no working directory": ({"cwd": ""}, (200, 0), (500, 2063)),
    "no environment": ({"environment": {}}, (400, 2127), (500, 2019)),
    "an unknown account": ({"account": "tqctnone"}, (500, 2045), (500, 2045)),
    "an unknown partition": ({"partition": "none"}, (500, 2000), (500, 2000)),
    "an unknown QOS": ({"qos": "none"}, (500, 2066), (500, 2066)),
    "too many GPUs": ({"gpus": 99, "gpu_type": "h100"}, (500, 2014), (500, 2014)),
    "an unknown GPU model": ({"gpus": 1, "gpu_type": "nosuch"}, (500, 2014), (500, 2014)),
    "too many CPUs": ({"cpus_per_task": 999}, (200, 2015), (500, 2014)),
    "too many CPUs for a node": ({"cpus_per_task": 100}, (500, 2014), (500, 2014)),
    "too much memory": ({"memory_mb": 99_999_999}, (500, 2014), (500, 2014)),
    "too many nodes": ({"nodes": 99}, (200, 2015), (500, 2014)),
    "too long a time": ({"time_limit_minutes": 500_000}, (200, 2015), (200, 0)),
    "a script of 5 MB": ({"script": "#!/bin/bash\n" + "#" * 5_000_000}, (500, 2012), (500, 2012)),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refusals(target: Target, note: Note, what: str) -> None:
    changes, old, new = REFUSALS[what]
    status, code = target.says(old, new)
    spec = target.spec(target.account(), **changes)
    if status == 200:
        submitted = target.client.submit(target.token(target.user), spec)
        assert [problem.code for problem in submitted.errors] == ([code] if code else [])
        target.client.cancel(target.token(), submitted.job_id)
        note(f"A job with {what}", f"accepted, {code}" if code else "accepted")
        return
    with pytest.raises(Refused) as caught:
        target.submit(spec)
    refused = caught.value
    note(f"A job with {what}", f"{refused.status}/{refused.code}")
    assert (refused.status, refused.code) == (status, code)
    assert refused.maybe_done is False
    assert refused.reason
    assert refused.cause != Refused.default.cause, "the table of explanations lacks this code"
    assert refused.remedy


def test_a_user_without_an_association_is_refused(target: Target) -> None:
    with pytest.raises(Refused) as caught:
        target.submit(target.spec(target.account()), user="nosuchuser")
    assert caught.value.code == 2045


def test_a_job_that_no_node_can_hold_leaves_a_failed_record(target: Target) -> None:
    """Who looks for a job by name after such a refusal finds one: it never ran and costs nothing."""
    spec = target.spec(target.account(), gpus=99, gpu_type=target.gpu)
    with pytest.raises(Refused):
        target.submit(spec)
    (left,) = [job for job in target.client.list_jobs(target.token()) if job.name == spec.name]
    assert (left.state, left.reason) == (JobState.FAILED, "BadConstraints")
    run = target.final(spec.name)
    assert (run.state, run.elapsed_s, run.gpus) == (JobState.FAILED, 0, 0)


def test_what_no_node_can_hold_is_not_looked_at_while_a_limit_keeps_it_waiting(target: Target) -> None:
    job_id = target.submit(target.spec(target.account("parked"), gpus=99, gpu_type=target.gpu))
    assert target.live(job_id).state is JobState.PENDING
    target.client.cancel(target.token(), job_id)


def raw_job(target: Target, **more: Any) -> dict[str, Any]:
    """A submission as it goes over the wire, for what the client rightly never sends."""
    environment = target.says({"PATH": "/bin"}, ["PATH=/bin"])
    return {
        "name": target.spec("").name,
        "account": target.account(),
        "partition": target.partition,
        "current_working_directory": "/tmp",
        "environment": environment,
        "standard_output": "/dev/null",
        **more,
    }


def raw_submit(target: Target, script: str | None, job: dict[str, Any]) -> httpx.Response:
    body = {"job": job} if script is None else {"script": script, "job": job}
    return target.call("POST", f"{target.slurm}/job/submit", body, user=target.user)


def test_an_unknown_field(target: Target, note: Note) -> None:
    """From 24.11 on it is ignored, so a `gres` field yields a job without a GPU."""
    name = target.says("tres_per_job", "gres")
    reply = raw_submit(target, "#!/bin/sh\nsleep 60\n", raw_job(target, **{name: f"gpu:{target.gpu}:1"}))
    note("An unknown field", f"{reply.status_code}{', ignored with a warning' * (not target.is_old)}")
    if target.is_old:
        assert reply.status_code == 400
        assert "Unknown key" in reply.json()["errors"][0]["description"]
        return
    assert reply.status_code == 200
    assert "unknown field" in reply.json()["warnings"][0]["description"]
    assert target.live(reply.json()["job_id"]).gpus == 0


def test_an_empty_script(target: Target, note: Note) -> None:
    """22.05 accepts it, launches it in vain and holds it; the client sends none."""
    reply = raw_submit(target, "", raw_job(target))
    assert reply.status_code == target.says(200, 422)
    note("An empty script", target.says("accepted, then held", "422/9000"))
    if not target.is_old:
        assert reply.json()["errors"][0]["error_number"] == 9000
        return
    job_id = reply.json()["job_id"]
    held = wait_until(lambda: (job := target.live(job_id)).held and job)
    assert (held.state, held.reason, held.restarts) == (JobState.PENDING, "JobHeldUser", 1)


def test_a_script_without_an_interpreter(target: Target) -> None:
    reply = raw_submit(target, "exit 0\n", raw_job(target))
    assert reply.status_code == 200
    job_id = reply.json()["job_id"]
    ended = wait_until(lambda: (job := target.live(job_id)).state.is_terminal and job)
    assert (ended.state, ended.exit.return_code) == (JobState.FAILED, 8)


def test_no_script_at_all(target: Target, note: Note) -> None:
    reply = raw_submit(target, None, raw_job(target))
    first = reply.json()["errors"][0]
    code = first.get("error_number") or first.get("error_code")
    note("No script at all", f"{reply.status_code}/{code}")
    assert (reply.status_code, code) == target.says((500, 2009), (422, 9000))


def test_malformed_json(target: Target) -> None:
    headers = target.token(target.user).headers() | {"Content-Type": "application/json"}
    reply = httpx.post(f"{target.url}{target.slurm}/job/submit", headers=headers, content=b"{bad")
    assert (reply.status_code, reply.headers["content-type"]) == (400, "text/plain")


def test_a_held_submit_is_accepted_all_the_same(target: Target, note: Note) -> None:
    submitted = target.client.submit(target.token(target.user), target.spec(target.account(), hold=True))
    codes = [problem.code for problem in submitted.errors]
    note("A held submission", f"accepted with {'errors ' + str(codes) if codes else 'a warning'}")
    assert codes == target.says([2042], [])
    assert bool(submitted.warnings) is not target.is_old
    live = target.live(submitted.job_id)
    assert (live.state, live.held, live.reason) == (JobState.PENDING, True, "JobHeldUser")


def test_a_job_beyond_the_partitions_time_stays_pending(target: Target) -> None:
    job_id = target.submit(target.spec(target.account(), time_limit_minutes=500_000))
    wait_until(lambda: target.live(job_id).reason == "PartitionTimeLimit")


def test_the_tokens_expiry_is_a_fence(target: Target) -> None:
    """A submission that the client gave up on lands later, unless its token has expired by then."""
    lands, never = (target.spec(target.account(), "sleep 1") for _ in range(2))
    lasting, short = target.token(target.user), target.token(target.user, lifetime=2)
    impatient = SlurmClient(target.url, api_version=target.version, timeouts=Timeouts(total=1.0))
    with target.stalled(seconds=4.5), impatient:
        for token, spec in ((short, never), (lasting, lands)):
            with pytest.raises(NoAnswer) as caught:
                impatient.submit(token, spec)
            assert caught.value.maybe_done
            assert caught.value.remedy
    # The one that landed proves that the other, which was sent before it, had its turn.
    target.final(lands.name)
    assert not target.runs(job_name=never.name).items
    assert never.name not in {job.name for job in target.client.list_jobs(target.token())}
