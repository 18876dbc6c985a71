"""Jobs after submission: looking, cancelling, holding, moving, requeueing."""

import time

import pytest

from scheduler_bridge.slurm_rest_client import GPU, AssociationLimits, JobState, NotFound, Refused

from .targets import VERSION, Target, wait_until

NO_JOB = 60_000_000


def held_job(target: Target) -> int:
    return target.submit(target.spec(target.new_account(), hold=True))


def running_job(target: Target, **changes: object) -> int:
    job_id = target.submit(target.spec(target.new_account(), **changes))
    wait_until(lambda: target.live(job_id).state is JobState.RUNNING)
    return job_id


def test_no_such_job_live(target: Target) -> None:
    with pytest.raises(NotFound) as caught:
        target.client.get_job(target.token(), NO_JOB)
    assert (caught.value.status, caught.value.code) == (404, 2017)


def test_no_such_job_in_accounting_is_an_honest_answer(target: Target) -> None:
    for found in (
        target.runs(job_name="tqct-none"),
        target.client.accounting_by_id(target.token(), target.name, [NO_JOB]),
    ):
        assert found.items == ()
        assert found.complete
        assert "found nothing" in found.warnings[0]


def test_states_of_chosen_jobs(target: Target) -> None:
    one, other = held_job(target), held_job(target)
    rows = {row.job_id: row.state for row in target.client.job_states(target.token(), [one])}
    assert rows == {one: JobState.PENDING}
    everything = {row.job_id for row in target.client.job_states(target.token())}
    assert {one, other} <= everything


def test_lists_of_ids_are_repeated_parameters(target: Target) -> None:
    reply = target.call("GET", f"/slurm/{VERSION}/jobs/state/", job_id="1,2")
    assert (reply.status_code, reply.json()["errors"][0]["error_number"]) == (422, 9000)
    reply = target.call("GET", f"/slurmdb/{VERSION}/jobs/", step="1,2")
    assert (reply.status_code, reply.json()["errors"][0]["error_number"]) == (422, 9000)


def test_states_leave_out_a_job_that_does_not_exist(target: Target) -> None:
    one = held_job(target)
    rows = target.client.job_states(target.token(), [one, NO_JOB])
    assert [row.job_id for row in rows] == [one]


def test_accounting_of_several_ids(target: Target) -> None:
    account = target.new_account(AssociationLimits(max_active_jobs=0))
    ids = {target.submit(target.spec(account)) for _ in range(3)}

    def found() -> set[int]:
        runs = target.client.accounting_by_id(target.token(), target.name, [*ids, NO_JOB])
        return {run.job_id for run in runs if run.account == account}

    wait_until(lambda: found() == ids)


def test_cancel_pending(target: Target) -> None:
    job_id = held_job(target)
    target.client.cancel(target.token(target.user), job_id)
    wait_until(lambda: target.live(job_id).state is JobState.CANCELLED)


def test_cancel_running_is_charged_until_then(target: Target) -> None:
    spec = target.spec(target.new_account(), gpus=1, gpu_type=target.gpu)
    job_id = target.submit(spec)
    wait_until(lambda: target.live(job_id).state is JobState.RUNNING)
    target.client.cancel(target.token(), job_id)
    (run,) = wait_until(lambda: [run for run in target.runs(job_name=spec.name) if run.is_final])
    assert run.state is JobState.CANCELLED
    assert run.elapsed_s == run.end_time - run.start_time
    assert run.gpus == 1


def test_cancel_tells_the_truth_in_its_status(target: Target) -> None:
    job_id = held_job(target)
    with pytest.raises(Refused) as caught:
        target.client.cancel(target.token(target.stranger), job_id)
    assert (caught.value.status, caught.value.code) == (200, 2002)
    with pytest.raises(NotFound):
        target.client.cancel(target.token(), NO_JOB)
    target.client.cancel(target.token(), job_id)
    wait_until(lambda: target.live(job_id).state.is_terminal)
    with pytest.raises(Refused) as caught:
        target.client.cancel(target.token(), job_id)
    assert caught.value.code == 2021


def test_held_jobs_stand_in_no_accounting_window(target: Target) -> None:
    spec = target.spec(target.new_account(), "sleep 1", hold=True)
    job_id = target.submit(spec)
    assert job_id in {job.job_id for job in target.client.list_jobs(target.token())}
    assert target.runs(job_name=spec.name).items == ()
    target.client.update_job(target.token(target.user), job_id, hold=False)
    (run,) = wait_until(lambda: [run for run in target.runs(job_name=spec.name) if run.is_final])
    assert run.state is JobState.COMPLETED


def test_a_cancelled_held_job_is_found_by_its_id_alone(target: Target) -> None:
    spec = target.spec(target.new_account(), hold=True)
    job_id = target.submit(spec)
    target.client.cancel(target.token(target.user), job_id)

    def by_id() -> object:
        found = target.client.accounting_by_id(target.token(), target.name, [job_id])
        return [run for run in found if run.name == spec.name and run.is_final]

    (run,) = wait_until(by_id)
    assert (run.state, run.elapsed_s, run.gpu_seconds) == (JobState.CANCELLED, 0, 0)
    assert target.runs(job_name=spec.name).items == ()


def test_a_misspelt_update_is_refused_by_the_client(target: Target) -> None:
    """Slurm itself says 200 and does nothing."""
    job_id = held_job(target)
    reply = target.call("POST", f"/slurm/{VERSION}/job/{job_id}", {"holdd": False}, user=target.user)
    assert reply.status_code == 200
    assert "unknown field" in reply.json()["warnings"][0]["description"]
    assert target.live(job_id).held


def test_priority_nought_holds(target: Target) -> None:
    account = target.new_account(AssociationLimits(max_active_jobs=0))
    job_id = target.submit(target.spec(account))
    priority = {"set": True, "infinite": False, "number": 0}
    reply = target.call("POST", f"/slurm/{VERSION}/job/{job_id}", {"priority": priority}, user=target.user)
    assert reply.status_code == 200
    assert target.live(job_id).held


def test_update_of_no_such_job(target: Target) -> None:
    with pytest.raises(NotFound) as caught:
        target.client.update_job(target.token(), NO_JOB, hold=True)
    assert (caught.value.status, caught.value.code) == (404, 2017)


def test_a_pending_job_moves_to_another_account_and_starts(target: Target) -> None:
    poor, rich = target.new_account(gpu_minutes=1), target.new_account(gpu_minutes=1000)
    job_id = target.submit(target.spec(poor, gpus=1, gpu_type=target.gpu))
    wait_until(lambda: target.live(job_id).reason == "AssocGrpGRESMinutes")
    target.client.update_job(target.token(target.user), job_id, account=rich)
    wait_until(lambda: target.live(job_id).state is JobState.RUNNING)
    assert target.live(job_id).account == rich


def test_a_running_job_does_not_move(target: Target) -> None:
    job_id = running_job(target)
    with pytest.raises(Refused) as caught:
        target.client.update_job(target.token(), job_id, account=target.new_account())
    assert caught.value.code == 2073


def test_a_renamed_job_is_not_found_by_its_old_name(target: Target) -> None:
    spec = target.spec(target.new_account(AssociationLimits(max_active_jobs=0)))
    job_id = target.submit(spec)
    wait_until(lambda: target.runs(job_name=spec.name).items)
    target.rename(job_id, "tqct-renamed")
    assert target.live(job_id).name == "tqct-renamed"
    wait_until(lambda: not target.runs(job_name=spec.name).items)


def test_a_requeue_changes_submit_time_and_leaves_both_runs(target: Target) -> None:
    spec = target.spec(target.new_account(), gpus=1, gpu_type=target.gpu)
    job_id = target.submit(spec)
    first = wait_until(lambda: (job := target.live(job_id)).state is JobState.RUNNING and job)
    wait_until(lambda: time.time() >= first.start_time + 2)
    target.requeue(job_id)
    again = wait_until(lambda: (job := target.live(job_id)).submit_time > first.submit_time and job)
    assert (again.state, again.restarts, again.name) == (JobState.PENDING, 1, spec.name)
    (run,) = wait_until(lambda: [run for run in target.runs(job_name=spec.name) if run.is_final])
    assert "REQUEUED" in run.flags
    assert (run.job_id, run.submit_time, run.gpus) == (job_id, first.submit_time, 1)
    assert run.elapsed_s == run.end_time - run.start_time >= 2
    wait_until(lambda: target.live(job_id).reason == "BeginTime")


def test_an_unknown_filter_is_ignored(target: Target) -> None:
    spec = target.spec(target.new_account(AssociationLimits(max_active_jobs=0)))
    target.submit(spec)
    wait_until(lambda: target.runs(job_name=spec.name).items)
    reply = target.call(
        "GET", f"/slurmdb/{VERSION}/jobs/", cluster=target.name, admin_comment="none", start_time="0"
    )
    assert spec.name in {job["name"] for job in reply.json()["jobs"]}


def test_accounting_filters(target: Target) -> None:
    spec = target.spec(target.new_account(AssociationLimits(max_active_jobs=0)))
    target.submit(spec)
    wait_until(lambda: target.runs(job_name=spec.name).items)
    assert len(target.runs(account=spec.account)) == 1
    assert len(target.runs(account=spec.account, user=target.user)) == 1
    assert len(target.runs(account=spec.account, user=target.stranger)) == 0
    now = int(time.time())
    early = target.client.accounting_jobs(target.token(), target.name, now - 9000, now - 8000, spec.name)
    assert early.items == ()
    elsewhere = target.client.accounting_jobs(target.token(), "nowhere", now - 600, now + 60, spec.name)
    assert elsewhere.items == ()


def test_times_are_not_clipped_to_the_window(target: Target) -> None:
    """`skip_steps` alone clips: the client sends what prevents it."""
    spec = target.spec(target.new_account(), "sleep 4")
    target.submit(spec)
    (run,) = wait_until(lambda: [run for run in target.runs(job_name=spec.name) if run.is_final])
    middle = run.start_time + 2
    window = {"cluster": target.name, "start_time": str(middle), "end_time": str(run.end_time + 60)}
    (honest,) = target.client.accounting_jobs(
        target.token(), target.name, middle, run.end_time + 60, spec.name
    )
    clipped = target.call(
        "GET", f"/slurmdb/{VERSION}/jobs/", job_name=spec.name, skip_steps="true", **window
    ).json()["jobs"][0]
    assert honest.elapsed_s == run.elapsed_s
    assert clipped["time"]["elapsed"] < run.elapsed_s


def test_usage_is_shown_in_seconds(target: Target) -> None:
    account = target.new_account(gpu_minutes=100)
    spec = target.spec(account, "sleep 2", gpus=2, gpu_type=target.gpu)
    target.submit(spec)
    (run,) = wait_until(lambda: [run for run in target.runs(job_name=spec.name) if run.is_final])

    def used() -> int:
        shares = target.client.shares(target.token())
        return next(share.usage_seconds[GPU] for share in shares if share.name == account)

    wait_until(used)
    assert abs(used() - run.gpu_seconds) <= 2
