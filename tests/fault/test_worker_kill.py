"""Real Celery workers, killed -9 between claim and answer: no job lost, none doubled.

The sandbox's journal counts what was accepted; on real Slurm (test_faults_lab.py) its accounting does.
"""

import os
import signal
from collections.abc import Callable

import pytest

from portal.foundation import clock
from scheduler_bridge.models import DispatchAttempt, Job
from scheduler_bridge.transitions import JobState
from tests.bridge_stage import Stage
from tests.fault.workers import Workers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault, pytest.mark.timeout(1800)]

ROUNDS = 50 if os.environ.get("TAQSEEM_TEST_SIZE") == "full" else 2
SENT = {JobState.QUEUED, JobState.RUNNING, JobState.COMPLETED}


def small_job(stage: Stage) -> Job:
    return stage.submit(gpus=1, cpus=1, memory_mb=1000, wall_minutes=60, script="#!/bin/bash\nsleep 3000\n")


def killed_at(point: str, stage: Stage, workers: Workers) -> Job:
    """One round: a job, a worker that takes it, and the worker's death at this point."""
    worker = workers.start(stop_at="" if point == "in_flight" else point)
    if point == "in_flight":  # the cluster accepted it and keeps its answer to itself
        stage.fault("timeout_after_accept", seconds=600)
    job = small_job(stage)
    if point == "in_flight":
        workers.until(lambda: stage.copies(job) == 1, "the job never arrived")
    else:
        workers.stopped(worker)
    workers.kill(worker)
    return job


def exactly_once(copies: list[int]) -> None:
    """The one assertion of all these tests, those with a planted bug included."""
    assert copies.count(0) == 0, f"lost: {copies}"
    assert max(copies) == 1, f"doubled: {copies}"


def all_in(states: set[str], jobs: list[Job]) -> Callable[[], bool]:
    codes = [job.code for job in jobs]
    return lambda: set(Job.objects.filter(code__in=codes).values_list("state", flat=True)) <= states


POINTS = ["claimed", "in_flight", "answered", "writing"]


@pytest.mark.parametrize("point", POINTS)
def test_no_job_is_lost_and_none_doubled(stage, workers, point):
    jobs = [killed_at(point, stage, workers) for _ in range(ROUNDS)]
    assert Job.objects.exclude(attempts=None).count() >= 1, "somebody died holding a job"
    workers.start()
    workers.until(all_in(SENT, jobs), "not every job was settled")
    exactly_once([stage.copies(job) for job in jobs])
    assert stage.balances.held == sum(job.most_gpu_seconds for job in jobs)
    live = Job.objects.in_bulk([job.code for job in jobs], field_name="code")
    assert len({live[job.code].slurm_job_id for job in jobs}) == len(jobs)


def test_a_planted_blind_retry_is_caught(stage, workers):
    """The same rounds, the same assertion, but the worker that takes over sends again without looking."""
    jobs = [killed_at("answered", stage, workers)]
    workers.start(plant="blind_retry")
    workers.until(all_in(SENT, jobs), "not every job was settled")
    with pytest.raises(AssertionError, match=r"doubled: \[2\]"):
        exactly_once([stage.copies(job) for job in jobs])


def frozen_past_its_fence(stage: Stage, workers: Workers, *, plant: str = "") -> list[Job]:
    """A worker is frozen with its POST in hand, given up on, and thawed when the job was sent by another."""
    frozen = workers.start(stop_at="claimed", plant=plant)
    job = small_job(stage)
    workers.stopped(frozen)
    assert stage.copies(job) == 0
    workers.start()
    workers.until(all_in(SENT, [job]), "nobody took over")
    first = job.attempts.order_by("pk").first()
    assert (clock.now() - first.token_expires_at).total_seconds() > 0
    assert stage.copies(job) == 1
    frozen.signal(signal.SIGCONT)
    later = small_job(stage)

    workers.until(lambda: late_post_landed(stage, workers, job), "the late POST never landed")
    workers.until(all_in(SENT, [later]), "the thawed worker is in the way")
    return [job, later]


def late_post_landed(stage: Stage, workers: Workers, job: Job) -> bool:
    return workers.said("what came after the stop: AuthRejected") > 0 or stage.copies(job) > 1


def test_a_post_after_the_fence_does_nothing(stage, workers):
    jobs = frozen_past_its_fence(stage, workers)
    exactly_once([stage.copies(job) for job in jobs])
    assert DispatchAttempt.objects.filter(job=jobs[0]).count() == 2


def test_without_the_fence_the_late_post_is_caught(stage, workers):
    jobs = frozen_past_its_fence(stage, workers, plant="no_fence")
    with pytest.raises(AssertionError, match="doubled"):
        exactly_once([stage.copies(job) for job in jobs])
