"""The fault list on four real clusters: after each no job is lost, none doubled, every second charged."""

import os
import signal
import threading
from dataclasses import replace

import pytest

from scheduler_bridge import tasks
from scheduler_bridge.dispatch import loop
from scheduler_bridge.models import DispatchAttempt, Job
from tests.bridge_stage import Stage
from tests.fault.nation import Nation, Told, daemon_of, mend, sacct
from tests.fault.workers import Workers

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.lab,
    pytest.mark.fault,
    pytest.mark.timeout(7200),
]

FULL = os.environ.get("TAQSEEM_TEST_SIZE") == "full"
KILLS = 50 if FULL else 1
STOP_SECONDS = 60 if FULL else 12
POINTS = ("claimed", "answered", "writing")


def at_each_site(nation: Nation, workers: Workers, point: str) -> tuple[list[Job], list]:
    """A job to each site, and a worker for each that takes it and stops itself at this point."""
    jobs = nation.submit()
    stopping = [workers.start(stop_at=point, only=stage.cluster.code) for stage in nation.stages]
    for worker in stopping:
        workers.stopped(worker)
    return jobs, stopping


def test_workers_killed_at_each_point(nation, workers):
    for _ in range(KILLS):
        jobs = []
        for point in POINTS:
            sent, doomed = at_each_site(nation, workers, point)
            for worker in doomed:
                workers.kill(worker)
            jobs += sent
        heir = workers.start()
        nation.settle(workers, jobs)
        workers.kill(heir)


def test_a_worker_frozen_past_its_lease_and_thawed(nation, workers):
    """Another has taken over by then; what the thawed one still sends comes with a dead token."""
    jobs, frozen = at_each_site(nation, workers, "claimed")
    workers.start()
    nation.settle(workers, jobs)
    for worker in frozen:
        worker.signal(signal.SIGCONT)
    workers.until(
        lambda: workers.said("what came after the stop") == len(frozen), "the late POSTs got no answer"
    )
    nation.settle(workers, [*jobs, *nation.submit()])
    assert DispatchAttempt.objects.filter(job__in=jobs).count() == 2 * len(jobs)


@pytest.mark.parametrize("late", [True, False] if FULL else [True])
def test_killed_with_the_post_on_its_way(nation, workers, late):
    """slurmctld doesn't answer; it takes the POST up again while the token lives, or after its death."""
    jobs = nation.submit()
    nation.hit("slurmctld", signal.SIGSTOP)
    doomed = [workers.start(stop_at="sending", only=stage.cluster.code) for stage in nation.stages]
    sent = [f"sending to {stage.cluster.url}" for stage in nation.stages]
    workers.until(lambda: all(map(workers.said, sent)), "nothing was sent")
    threading.Event().wait(4 if late else 0.2)  # the tokens live 2 s
    for worker in doomed:
        workers.kill(worker)
    nation.hit("slurmctld", signal.SIGCONT)
    workers.start()
    nation.settle(workers, jobs)


def test_slurmctld_stopped_and_killed_right_after_its_answer(nation, workers, settings, monkeypatch):
    before = nation.submit(script="sleep 8")
    for stage in nation.stages:
        stage.drain()
    nation.hit("slurmctld", signal.SIGTERM)
    workers.start()
    during = nation.submit()
    workers.beat()
    threading.Event().wait(STOP_SECONDS)
    mend()
    nation.settle(workers, [*before, *during])

    settings.DISPATCH_TOKEN_SECONDS = 5
    send = loop.send

    def and_forget(claim):
        answer = send(claim)
        stage = next(one for one in nation.stages if one.cluster.pk == claim.job.cluster_id)
        daemon_of(stage, "slurmctld").signal(signal.SIGKILL)
        return answer

    workers.end()
    forgotten = nation.submit()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "send", and_forget)
        nation.everywhere(lambda stage: first_try(stage, forgotten))
    given = {job.pk: job.slurm_job_id for job in Job.objects.filter(pk__in=[job.pk for job in forgotten])}
    assert all(given.values()), "each had its answer"
    mend()
    after = nation.submit()
    for stage in nation.stages:
        tasks.dispatch(stage.cluster.code)
    reused = Job.objects.filter(pk__in=[job.pk for job in after], slurm_job_id__in=given.values()).count()
    print(f"ids used again: {reused} of {len(after)}")
    again = Workers(workers.log.parent)
    try:
        again.start()
        nation.settle(again, [*before, *during, *forgotten, *after])
    finally:
        again.end()


def test_slurmdbd_stopped_a_requeue_and_a_new_name(nation, workers):
    jobs = nation.submit(script="sleep 6")
    workers.start()
    workers.until(lambda: running(jobs) == len(jobs), "they never ran")
    nation.hit("slurmdbd", signal.SIGTERM)
    for stage, job in zip(nation.stages, jobs, strict=True):
        number = str(Job.objects.get(pk=job.pk).slurm_job_id)
        stage.real.command("scontrol", "update", f"JobId={number}", "JobName=mine", check=False)
        stage.real.command("scontrol", "requeue", number)
    during = nation.submit()
    workers.until(lambda: queued_or_more(during) == len(during), "slurmdbd isn't needed to send")
    for stage, job in zip(nation.stages, jobs, strict=True):
        stage.real.command(
            "scontrol", "update", f"JobId={Job.objects.get(pk=job.pk).slurm_job_id}", "StartTime=now"
        )
    mend()
    nation.settle(workers, [*jobs, *during])
    assert all(job.runs.count() == 2 for job in jobs), "the run before the requeue is charged too"


def first_try(stage: Stage, jobs: list[Job]) -> None:
    """Send once, as soon as the lease of the killed worker has run out."""
    job = next(job for job in jobs if job.cluster_id == stage.cluster.pk)
    while not job.attempts.exists():
        tasks.dispatch(stage.cluster.code)
        threading.Event().wait(0.2)


def running(jobs: list[Job]) -> int:
    return Job.objects.filter(pk__in=[job.pk for job in jobs], state="running").count()


def queued_or_more(jobs: list[Job]) -> int:
    return Job.objects.filter(pk__in=[job.pk for job in jobs]).exclude(slurm_job_id=None).count()


def test_the_comparison_sees_a_double_and_a_missing_second(nation, monkeypatch):
    """Each assertion of these tests can fail."""
    jobs = nation.submit()
    stage = nation.stages[0]
    for one in nation.stages:
        one.drain()
    job = Job.objects.get(pk=jobs[0].pk)
    attempt = job.attempts.get()
    live = stage.real.command("scontrol", "show", "job", str(job.slurm_job_id)).stdout
    comment = live.split("Comment=")[1].split()[0]
    stage.real.command(
        "sbatch", "-A", attempt.slurm_account, "--gres=gpu:1", "-t", "1", f"--comment={comment}",
        "--wrap", "sleep 1", user="tqresearcher",
    )  # fmt: skip
    ids = [job.pk for job in jobs]
    waiter = threading.Event()
    while Job.objects.filter(pk__in=ids, state__in=["queued", "running", "uncertain"]).exists():
        for one in nation.stages:
            tasks.follow(one.cluster.code)
        waiter.wait(0.5)
    while len([run for run in sacct(stage) if run.job == job.code and run.state == "COMPLETED"]) < 2:
        waiter.wait(0.5)
    with pytest.raises(AssertionError, match="doubled"):
        nation.exactly_once(jobs)
    for one in nation.stages:
        tasks.follow(one.cluster.code)
    nation.exactly_once(jobs[1:])

    def one_second_more(one: Stage) -> list[Told]:
        return [replace(run, gpu_seconds=run.gpu_seconds + 1) for run in sacct(one)]

    monkeypatch.setattr("tests.fault.nation.sacct", one_second_more)
    with pytest.raises(AssertionError, match="sacct has"):
        nation.exactly_once(jobs[1:])
