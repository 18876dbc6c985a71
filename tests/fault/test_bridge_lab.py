"""The bridge on real Slurm: the same services, the cluster's own tools as witnesses."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.foundation import clock
from scheduler_bridge.dispatch.cancel import cancel_requested
from scheduler_bridge.dispatch.claim import claim_batch
from scheduler_bridge.dispatch.lookup import expire_leases, resolve
from scheduler_bridge.dispatch.send import send
from scheduler_bridge.jobs.services import job_cancel
from scheduler_bridge.models import Job, JobRun, SiteLogin
from scheduler_bridge.provisioning.reconcile import reconcile
from tests.bridge_stage import Stage, set_stage

pytestmark = [pytest.mark.django_db, pytest.mark.lab, pytest.mark.fault]


@pytest.fixture
def lab_stage(cast, lab) -> Stage:
    """An active allocation of 1 GPU-hour at the real astrolabe-ned, for tqresearcher."""
    real = lab.cluster("astrolabe-ned")
    cluster = cast.cluster
    cluster.url, cluster.slurm_name, cluster.is_sandbox = real.rest_url, "astrolabe-ned", False
    cluster.signer = str(real.jwt_key)
    cluster.save()
    cast.resource.gres_type = real.gpu
    cast.resource.partition = real.partition
    cast.resource.save()
    SiteLogin.objects.create(user=cast.pi, site=cast.site, login="tqresearcher")
    stage = set_stage(cast, cluster, gpu_hours=1)
    stage.real = real
    yield stage
    for job in Job.objects.exclude(slurm_job_id=None):
        real.command("scancel", str(job.slurm_job_id), check=False)


def until(what: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = clock.now() + timedelta(seconds=seconds)
    while not what():
        assert clock.now() < deadline, "it never came to be"
        threading.Event().wait(0.3)


def reaches(stage: Stage, job: Job, state: str) -> Callable[[], bool]:
    def look() -> bool:
        from scheduler_bridge.accounting.ingest import ingest
        from scheduler_bridge.accounting.poll import poll

        poll(stage.cluster)
        ingest(stage.cluster)
        job.refresh_from_db()
        return job.state == state

    return look


def sacct(stage: Stage, job: Job, fields: str) -> list[str]:
    told = stage.real.command(
        "sacct", "-X", "-n", "-P", "-D", "-j", str(job.slurm_job_id), f"--format={fields}"
    )
    return told.stdout.splitlines()


def test_the_main_job_on_real_slurm(lab_stage):
    stage = lab_stage
    job = stage.submit(gpus=2, cpus=2, memory_mb=500, wall_minutes=2, script="#!/bin/bash\nsleep 4\n")
    stage.drain()
    until(reaches(stage, job, "running"))
    squeue = stage.real.command("squeue", "-h", "-j", str(job.slurm_job_id), "-o", "%T %u %j")
    assert squeue.stdout.split() == ["RUNNING", "tqresearcher", job.slurm_name]
    until(reaches(stage, job, "completed"))
    [line] = sacct(stage, job, "State,ElapsedRaw,AllocTRES")
    state, elapsed, tres = line.split("|")
    assert state == "COMPLETED"
    assert "gres/gpu=2" in tres
    assert job.charged == 2 * int(elapsed) == stage.balances.spent
    assert stage.balances.held == 0


def test_slurm_holds_the_limit(lab_stage):
    stage = lab_stage
    account = stage.allocation.bindings.get().slurm_account
    told = stage.real.command(
        "sacctmgr", "-n", "-P", "show", "assoc", f"account={account}", "user=", "format=Account,GrpTRESMins"
    )
    assert f"{account}|gres/gpu=60" in told.stdout.split()
    over = stage.real.command(
        "sbatch", "--parsable", "-A", account, "--gres=gpu:8", "-t", "10", "--wrap", "sleep 1",
        user="tqresearcher",
    )  # fmt: skip
    number = over.stdout.split(";")[0].strip()
    reason = ["squeue", "-h", "-j", number, "-o", "%T %r"]
    try:
        until(lambda: "AssocGrp" in stage.real.command(*reason).stdout)
        state, why = stage.real.command(*reason).stdout.split()
        assert state == "PENDING"
        assert why.startswith("AssocGrp")
        assert why.endswith("Minutes")
    finally:
        stage.real.command("scancel", number)


def test_a_worker_that_died_after_sending_is_found_on_real_slurm(lab_stage, settings):
    settings.DISPATCH_TOKEN_SECONDS = 5
    settings.MISS_INTERVAL_SECONDS = 2
    stage = lab_stage
    job = stage.submit(gpus=1, cpus=1, memory_mb=200, wall_minutes=1, script="#!/bin/bash\nsleep 1\n")
    [claim] = claim_batch(stage.cluster, limit=1)
    send(claim)  # and never writes the answer down
    Job.objects.update(lease_until=clock.now())

    def settled() -> bool:
        expire_leases()
        resolve(stage.cluster)
        job.refresh_from_db()
        return job.state == "queued"

    until(settled)
    until(reaches(stage, job, "completed"))
    assert len(JobRun.objects.filter(job=job)) == 1
    named = stage.real.command("sacct", "-X", "-n", "-P", f"--name={job.slurm_name}", "--format=JobID")
    assert len(named.stdout.split()) == 1


def test_a_worker_that_died_before_sending_on_real_slurm(lab_stage, settings):
    settings.DISPATCH_TOKEN_SECONDS = 2
    settings.MISS_INTERVAL_SECONDS = 1
    stage = lab_stage
    job = stage.submit(gpus=1, cpus=1, memory_mb=200, wall_minutes=1, script="#!/bin/bash\ntrue\n")
    claim_batch(stage.cluster, limit=1)
    Job.objects.update(lease_until=clock.now())

    def given_back() -> bool:
        expire_leases()
        resolve(stage.cluster)
        job.refresh_from_db()
        return job.state == "approved"

    until(given_back)
    stage.drain()
    until(reaches(stage, job, "completed"))
    named = stage.real.command("sacct", "-X", "-n", "-P", f"--name={job.slurm_name}", "--format=JobID")
    assert len(named.stdout.split()) == 1


def test_cancel_on_real_slurm(lab_stage):
    stage = lab_stage
    job = stage.submit(gpus=1, cpus=1, memory_mb=200, wall_minutes=5, script="#!/bin/bash\nsleep 200\n")
    stage.drain()
    until(reaches(stage, job, "running"))
    job_cancel(actor=stage.cast.pi, job=job)
    assert cancel_requested(stage.cluster) == 1
    until(reaches(stage, job, "cancelled"))
    [line] = sacct(stage, job, "State,ElapsedRaw")
    assert job.charged == int(line.split("|")[-1])
    assert stage.balances.held == 0


def test_a_member_who_left_is_shut_out(lab_stage):
    stage = lab_stage
    stage.cast.project.members.filter(user=stage.cast.pi).delete()
    assert reconcile(stage.fresh_allocation()).error == ""
    account = stage.allocation.bindings.get().slurm_account
    refused = stage.real.command(
        "sbatch", "-A", account, "--gres=gpu:1", "-t", "1", "--wrap", "true", user="tqresearcher", check=False
    )
    assert refused.returncode != 0
