"""Jobs after submission: looking, cancelling, holding, moving, requeueing."""

import time
from collections.abc import Callable

import pytest

from scheduler_bridge.slurm_rest_client import (
    GPU,
    JobState,
    NotFound,
    Refused,
    VersionUnsupported,
)

from .targets import Target, wait_until

type Note = Callable[[str, object], None]

NO_JOB = 60_000_000


def parked(target: Target, **changes: object) -> tuple[int, str]:
    """A job that stays pending, and its name."""
    spec = target.spec(target.account("parked"), **changes)
    return target.submit(spec), spec.name


def test_no_such_job_live(target: Target, note: Note) -> None:
    with pytest.raises(NotFound) as caught:
        target.client.get_job(target.token(), NO_JOB)
    note("No such job, live", f"{caught.value.status}/{caught.value.code}")
    assert (caught.value.status, caught.value.code) == target.says((500, 2017), (404, 2017))
    assert caught.value.cause
    assert caught.value.remedy


def test_no_such_job_in_accounting_is_an_honest_answer(target: Target) -> None:
    for found in (
        target.runs(job_name="tqct-none"),
        target.client.accounting_by_id(target.token(), target.name, [NO_JOB]),
    ):
        assert found.items == ()
        assert found.complete
        assert "nothing" in found.warnings[0].lower()


def test_states_of_chosen_jobs(target: Target, note: Note) -> None:
    if target.is_old:
        with pytest.raises(VersionUnsupported) as caught:
            target.client.job_states(target.token())
        assert caught.value.remedy
        note("A list of states alone", "none")
        return
    note("A list of states alone", "jobs/state")
    one, other = target.held(), target.held()
    rows = {row.job_id: row.state for row in target.client.job_states(target.token(), [one, NO_JOB])}
    assert rows == {one: JobState.PENDING}
    everything = {row.job_id for row in target.client.job_states(target.token())}
    assert {one, other} <= everything


def test_lists_of_ids(target: Target, note: Note) -> None:
    """From 24.11 on they are repeated parameters, and commas are refused; before that, commas."""
    (first, _), (second, _) = target.recorded(2)

    def answered(**query: str | list[str]) -> object:
        reply = target.call("GET", f"{target.slurmdb}/jobs", cluster=target.name, **query)
        if reply.status_code != 200:
            return (reply.status_code, reply.json()["errors"][0]["error_number"])
        return {job["job_id"] for job in reply.json()["jobs"] if job["account"] == target.account("parked")}

    found = target.client.accounting_by_id(target.token(), target.name, [first, second, NO_JOB])
    assert {run.job_id for run in found if run.account == target.account("parked")} == {first, second}
    commas, repeated = f"{first},{second}", [str(first), str(second)]
    with_commas, with_repeats = answered(step=commas), answered(step=repeated)
    note("Ids with commas", target.says("found", "refused with 422/9000"))
    note("Ids as repeated parameters", target.says("the last one counts", "found"))
    assert with_commas == target.says({first, second}, (422, 9000))
    assert with_repeats == target.says({second}, {first, second})


def test_a_list_that_has_not_changed(target: Target, note: Note) -> None:
    """Nothing to read out of it: an empty list is never "all jobs gone"."""
    target.held()
    later = str(int(time.time()) + 600)
    reply = target.call("GET", f"{target.slurm}/jobs", update_time=later)
    note("No change since update_time", target.says("304, empty", "200, an empty list and a warning"))
    assert reply.status_code == target.says(304, 200)
    if not target.is_old:
        assert reply.json()["jobs"] == []
        assert "No job changes" in reply.json()["warnings"][0]["description"]


def test_cancel_pending(target: Target) -> None:
    job_id = target.held()
    target.client.cancel(target.token(target.user), job_id)
    wait_until(lambda: target.live(job_id).state is JobState.CANCELLED)


def test_cancel_running_is_charged_until_then(target: Target) -> None:
    job_id = target.running(gpus=1, gpu_type=target.gpu)
    name = target.live(job_id).name
    target.client.cancel(target.token(), job_id)
    run = target.final(name)
    assert run.state is JobState.CANCELLED
    assert run.elapsed_s == run.end_time - run.start_time
    assert run.gpus == 1


def test_cancel_tells_the_truth(target: Target, note: Note) -> None:
    """24.11 always says 200, and the truth in status[]."""
    job_id = target.held()
    with pytest.raises(Refused) as caught:
        target.client.cancel(target.token(target.stranger), job_id)
    assert (caught.value.status, caught.value.code) == target.says((500, 2002), (200, 2002))
    assert caught.value.remedy
    note("Cancelling somebody else's job", f"{caught.value.status}/{caught.value.code}")
    with pytest.raises(NotFound) as missing:
        target.client.cancel(target.token(), NO_JOB)
    note("Cancelling no job", f"{missing.value.status}/{missing.value.code}")
    assert missing.value.remedy
    target.client.cancel(target.token(), job_id)
    wait_until(lambda: target.live(job_id).state.is_terminal)
    if target.is_old:
        target.client.cancel(target.token(), job_id)
        note("Cancelling an ended job", "200")
        return
    with pytest.raises(Refused) as caught:
        target.client.cancel(target.token(), job_id)
    note("Cancelling an ended job", f"{caught.value.status}/{caught.value.code}")
    assert caught.value.code == 2021


def test_held_jobs_stand_in_no_accounting_window(target: Target) -> None:
    """Once cancelled they are found by their id alone; once released as any other."""
    cancelled, released = (target.spec(target.account(), "sleep 1", hold=True) for _ in range(2))
    gone, kept = target.submit(cancelled), target.submit(released)
    assert {gone, kept} <= {job.job_id for job in target.client.list_jobs(target.token())}
    target.client.cancel(target.token(target.user), gone)
    assert target.runs(job_name=released.name).items == ()
    target.client.update_job(target.token(target.user), kept, hold=False)

    def by_id() -> object:
        found = target.client.accounting_by_id(target.token(), target.name, [gone])
        return [run for run in found if run.name == cancelled.name and run.is_final]

    (run,) = wait_until(by_id)
    assert (run.state, run.elapsed_s, run.gpu_seconds) == (JobState.CANCELLED, 0, 0)
    assert target.runs(job_name=cancelled.name).items == ()
    assert target.final(released.name).state is JobState.COMPLETED


def test_a_misspelt_update(target: Target, note: Note) -> None:
    """24.11 says 200 with a warning and does nothing; 22.05 says 200 with errors."""
    job_id = target.held()
    reply = target.call("POST", f"{target.slurm}/job/{job_id}", {"holdd": False}, user=target.user)
    assert reply.status_code == 200
    said = reply.json()["errors" if target.is_old else "warnings"][0]["description"]
    note("A misspelt field in an update", "200 and errors" if target.is_old else "200 and a warning")
    assert "unknown" in said.lower()
    assert target.live(job_id).held


def test_priority_nought(target: Target, note: Note) -> None:
    job_id, _ = parked(target)
    priority = target.says(0, {"set": True, "infinite": False, "number": 0})
    reply = target.call("POST", f"{target.slurm}/job/{job_id}", {"priority": priority}, user=target.user)
    assert reply.status_code == 200
    note("Priority 0 in an update", "holds" if target.live(job_id).held else "200 and an error")
    assert target.live(job_id).held is not target.is_old


def test_hold_and_release(target: Target) -> None:
    job_id, _ = parked(target)
    for hold in (True, False):
        target.client.update_job(target.token(target.user), job_id, hold=hold)
        assert target.live(job_id).held is hold


def test_updates_that_are_refused(target: Target, note: Note) -> None:
    with pytest.raises(NotFound) as caught:
        target.client.update_job(target.token(), NO_JOB, hold=True)
    assert (caught.value.status, caught.value.code) == target.says((500, 2017), (404, 2017))
    job_id, _ = parked(target)
    with pytest.raises(Refused) as refused:
        target.client.update_job(target.token(target.stranger), job_id, hold=True)
    note("An update of somebody else's job", f"{refused.value.status}/{refused.value.code}")
    assert refused.value.code == 2010
    assert refused.value.remedy
    with pytest.raises(Refused) as refused:
        target.client.update_job(target.token(target.user), job_id, account="tqctnone")
    assert refused.value.code == 2045
    assert refused.value.remedy


def test_a_pending_job_moves_to_another_account_and_starts(target: Target) -> None:
    poor, rich = target.new_account(gpu_minutes=1), target.account()
    job_id = target.submit(target.spec(poor, gpus=1, gpu_type=target.gpu))
    wait_until(lambda: target.live(job_id).reason == "AssocGrpGRESMinutes")
    target.client.update_job(target.token(target.user), job_id, account=rich)
    wait_until(lambda: target.live(job_id).state is JobState.RUNNING)
    assert target.live(job_id).account == rich


def test_a_running_job_does_not_move(target: Target) -> None:
    with pytest.raises(Refused) as caught:
        target.client.update_job(target.token(), target.running(), account=target.account("parked"))
    assert caught.value.code == 2073
    assert caught.value.remedy


def test_a_renamed_job_is_not_found_by_its_old_name(target: Target) -> None:
    job_id, name = parked(target)
    wait_until(lambda: target.runs(job_name=name).items)
    target.rename(job_id, "tqct-renamed")
    assert target.live(job_id).name == "tqct-renamed"
    wait_until(lambda: not target.runs(job_name=name).items)


def test_a_requeue_changes_submit_time_and_leaves_both_runs(target: Target) -> None:
    job_id = target.running(gpus=1, gpu_type=target.gpu)
    first = target.live(job_id)
    wait_until(lambda: time.time() >= first.start_time + 2)
    target.requeue(job_id)
    again = wait_until(lambda: (job := target.live(job_id)).submit_time > first.submit_time and job)
    assert (again.state, again.restarts, again.name) == (JobState.PENDING, 1, first.name)
    # slurmdbd may hear of the end a moment before it hears of the start.
    wait_until(lambda: target.final(first.name).start_time)
    run = target.final(first.name)
    assert "REQUEUED" in run.flags
    assert (run.job_id, run.submit_time, run.gpus) == (job_id, first.submit_time, 1)
    assert run.elapsed_s == run.end_time - run.start_time >= 2
    wait_until(lambda: target.live(job_id).reason == "BeginTime")


def test_an_unknown_filter(target: Target, note: Note) -> None:
    [(_, name)] = target.recorded()
    start = target.says("uts1700000000", "0")
    reply = target.call(
        "GET", f"{target.slurmdb}/jobs", cluster=target.name, admin_comment="none", start_time=start
    )
    if target.is_old:
        code = reply.json()["errors"][0]["error_number"]
        note("An unknown filter", f"{reply.status_code}/{code}")
        assert (reply.status_code, code) == (500, 9000)
        return
    note("An unknown filter", "ignored: everything comes")
    assert name in {job["name"] for job in reply.json()["jobs"]}


def test_a_time_as_a_bare_number(target: Target, note: Note) -> None:
    reply = target.call(
        "GET", f"{target.slurmdb}/jobs", cluster=target.name, start_time=str(int(time.time()))
    )
    note("A time as a bare number", reply.status_code)
    assert reply.status_code == target.says(500, 200)


def test_accounting_filters(target: Target) -> None:
    [(job_id, name)] = target.recorded()
    account = target.account("parked")
    assert job_id in {run.job_id for run in target.runs(account=account)}
    assert job_id in {run.job_id for run in target.runs(account=account, user=target.user)}
    assert not target.runs(account=account, user=target.stranger).items
    now = int(time.time())
    early = target.client.accounting_jobs(target.token(), target.name, now - 9000, now - 8000, name)
    assert early.items == ()
    elsewhere = target.client.accounting_jobs(target.token(), "nowhere", now - 600, now + 60, name)
    assert elsewhere.items == ()


def test_times_are_not_clipped_to_the_window(target: Target, note: Note) -> None:
    """From 24.11 on `skip_steps` alone clips: the client sends what prevents it."""
    spec = target.spec(target.account(), "sleep 4")
    target.submit(spec)
    run = target.final(spec.name)
    middle = run.start_time + 2
    (honest,) = target.client.accounting_jobs(
        target.token(), target.name, middle, run.end_time + 60, spec.name
    )
    assert honest.elapsed_s == run.elapsed_s
    prefix = target.says("uts", "")
    window = {"start_time": f"{prefix}{middle}", "end_time": f"{prefix}{run.end_time + 60}"}
    (seen,) = target.call(
        "GET",
        f"{target.slurmdb}/jobs",
        cluster=target.name,
        job_name=spec.name,
        skip_steps="true",
        **window,
    ).json()["jobs"]
    is_whole = seen["time"]["elapsed"] == run.elapsed_s
    note("skip_steps alone", "times are whole" if is_whole else "times are clipped to the window")
    assert is_whole is target.is_old


def test_usage_is_shown_in_seconds(target: Target, note: Note) -> None:
    if target.is_old:
        with pytest.raises(VersionUnsupported):
            target.client.shares(target.token())
        note("Usage against limits", "not told")
        return
    account = target.new_account(gpu_minutes=100)
    spec = target.spec(account, "sleep 2", gpus=2, gpu_type=target.gpu)
    target.submit(spec)
    run = target.final(spec.name)

    def used() -> int:
        shares = target.client.shares(target.token())
        return next(share.usage_seconds[GPU] for share in shares if share.name == account)

    wait_until(used)
    note("Usage against limits", "shares, in seconds")
    assert abs(used() - run.gpu_seconds) <= 2
