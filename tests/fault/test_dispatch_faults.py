"""Exactly once: lost answers, dead workers, late POSTs. The sandbox's journal counts what was accepted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection

from portal.foundation import clock
from scheduler_bridge.dispatch import results
from scheduler_bridge.dispatch.cancel import cancel_requested
from scheduler_bridge.dispatch.claim import claim_batch
from scheduler_bridge.dispatch.lookup import expire_leases, resolve
from scheduler_bridge.dispatch.send import send
from scheduler_bridge.models import ClusterGate, DispatchAttempt, Job
from scheduler_bridge.sites import clients
from scheduler_bridge.slurm_rest_client import SlurmClient, SlurmError, Timeouts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.fault]


@pytest.fixture(autouse=True)
def short_waits(settings, monkeypatch):
    """The fence after 2 seconds, looks half a second apart, answers given up after one second."""
    settings.DISPATCH_TOKEN_SECONDS = 2
    settings.MISS_INTERVAL_SECONDS = 0.5
    made = {}

    def impatient(cluster, *, lane="look"):
        if cluster.url not in made:
            made[cluster.url] = SlurmClient(cluster.url, timeouts=Timeouts(total=1.0), max_connections=4)
        return made[cluster.url]

    for module in (
        "dispatch.send",
        "dispatch.lookup",
        "dispatch.cancel",
        "accounting.poll",
        "accounting.ingest",
    ):
        monkeypatch.setattr(f"scheduler_bridge.{module}.client_for", impatient)
    yield
    for client in made.values():
        client.close()


def look(stage) -> None:
    """As the task does: no answer is no harm."""
    with suppress(SlurmError):
        resolve(stage.cluster)


def settle(stage, job: Job, *, seconds: float = 20) -> Job:
    """Look again until the job is no longer uncertain."""
    deadline = clock.now() + timedelta(seconds=seconds)
    pause = threading.Event()
    while clock.now() < deadline:
        expire_leases()
        look(stage)
        job.refresh_from_db()
        if job.state not in {"uncertain", "dispatching"}:
            return job
        pause.wait(0.1)
    raise AssertionError(f"still {job.state}: {job.reason}")


def send_again(stage) -> None:
    ClusterGate.objects.all().delete()
    Job.objects.update(not_before=None)
    stage.drain()


@pytest.mark.parametrize(
    "kind", ["timeout_after_accept", "reset_after_accept", "truncated", "500_after_accept"]
)
def test_an_answer_lost_after_acceptance_is_found_not_sent_again(stage, kind):
    job = stage.submit()
    stage.fault(kind, seconds=3)
    stage.drain()
    job.refresh_from_db()
    assert job.state == "uncertain"
    assert stage.balances.held == job.most_gpu_seconds
    assert settle(stage, job).state == "queued"
    assert job.slurm_job_id
    assert job.attempts.get().outcome == "found"
    assert stage.copies(job) == 1


@pytest.mark.parametrize("kind", ["timeout_before", "reset_before", "500"])
def test_a_post_that_never_arrived_is_proven_absent_then_sent_once(stage, kind):
    job = stage.submit()
    stage.fault(kind, seconds=3)
    stage.drain()
    assert settle(stage, job).state == "approved"
    assert stage.copies(job) == 0
    assert job.attempts.get().outcome == "absent"
    send_again(stage)
    job.refresh_from_db()
    assert job.state == "queued"
    assert stage.copies(job) == 1


def test_nobody_gives_up_before_the_fence(stage):
    job = stage.submit()
    stage.fault("timeout_before", seconds=3)
    stage.drain()
    resolve(stage.cluster)
    resolve(stage.cluster)
    job.refresh_from_db()
    assert job.state == "uncertain"
    assert job.first_miss_at is None, "a miss before the fence is no miss"


def test_a_post_that_lands_after_the_fence_does_nothing(stage):
    job = stage.submit()
    stage.fault("slow", seconds=3)  # reaches the cluster when the token is dead
    stage.drain()
    assert settle(stage, job).state == "approved"
    threading.Event().wait(1.5)  # let the late POST land
    assert stage.copies(job) == 0
    send_again(stage)
    job.refresh_from_db()
    assert job.state == "queued"
    assert stage.copies(job) == 1


def test_a_blind_retry_is_caught(stage):
    """The bug that all this is there to prevent: after a lost answer, just send again."""
    job = stage.submit()
    stage.fault("timeout_after_accept", seconds=3)
    [claim] = claim_batch(stage.cluster, limit=1)
    send(claim)
    retry = DispatchAttempt.objects.create(
        job=job,
        login=claim.attempt.login,
        slurm_account=claim.attempt.slurm_account,
        token_expires_at=clock.now() + timedelta(seconds=5),
    )
    send(type(claim)(claim.job, retry))
    assert stage.copies(job) == 2, "the journal sees the double"


def test_a_late_answer_is_recorded_and_its_copy_cancelled(stage):
    """A worker that slept past everything: its answer brings a second id, which is cancelled."""
    job = stage.submit()
    [claim] = claim_batch(stage.cluster, limit=1)
    late = send(claim)
    # Meanwhile the job was (wrongly) believed absent and sent once more.
    Job.objects.filter(pk=job.pk).update(state="uncertain")
    Job.objects.filter(pk=job.pk).update(state="approved", lease_until=None)
    send_again(stage)
    job.refresh_from_db()
    results.write([late])
    assert cancel_requested(stage.cluster) == 1
    kept = job.slurm_job_id
    assert late.slurm_job_id != kept
    live = {
        row.job_id: row.state
        for row in clients.client_for(stage.cluster).list_jobs(clients.operator_token(stage.cluster))
    }
    assert live[late.slurm_job_id] == "CANCELLED"
    assert live[kept] != "CANCELLED"
    stage.follow()
    assert stage.balances.held == job.most_gpu_seconds, "the extra copy's end releases nothing"


def test_a_worker_that_died_between_claim_and_answer(stage):
    """It had sent, but never wrote the answer down: the lease runs out and the job is found."""
    job = stage.submit()
    [claim] = claim_batch(stage.cluster, limit=1)
    send(claim)
    assert stage.drain() == 0, "nobody else sends it"
    Job.objects.update(lease_until=clock.now())
    assert settle(stage, job).state == "queued"
    assert stage.copies(job) == 1


def test_a_worker_that_died_before_sending(stage):
    job = stage.submit()
    claim_batch(stage.cluster, limit=1)
    Job.objects.update(lease_until=clock.now())
    assert settle(stage, job).state == "approved"
    send_again(stage)
    assert stage.copies(job) == 1


def test_a_controller_that_forgot_the_job_after_its_answer(stage):
    """Accepted, then lost: the next job gets the same id, which proves nothing."""
    job = stage.submit()
    stage.fault("forget_after_accept")
    stage.drain()
    job.refresh_from_db()
    assert job.state == "queued"
    stage.follow()
    job.refresh_from_db()
    assert job.state == "uncertain"
    assert settle(stage, job).state == "approved"
    send_again(stage)
    job.refresh_from_db()
    assert job.state == "queued"


@pytest.mark.parametrize("kind", ["500", "empty", "304", "502"])
def test_a_listing_that_is_no_answer_proves_nothing(stage, kind):
    job = stage.submit()
    stage.fault("timeout_before", seconds=3)
    stage.drain()
    threading.Event().wait(2.2)  # past the fence
    stage.fault(kind, route="jobs", times=50)
    look(stage)
    threading.Event().wait(0.6)
    look(stage)
    job.refresh_from_db()
    assert job.state == "uncertain"
    assert job.first_miss_at is None


def test_many_workers_send_each_job_once(stage):
    jobs = [stage.submit(gpus=1, cpus=1, wall_minutes=1) for _ in range(12)]

    def work(_):
        sent = 0
        try:
            while Job.objects.filter(state="approved").exists():
                claims = claim_batch(stage.cluster, limit=4)
                results.write([send(claim) for claim in claims])
                sent += len(claims)
            return sent
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 12
    assert [stage.copies(job) for job in jobs] == [1] * 12
