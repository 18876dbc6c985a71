"""Rare ways to lose time, money or a job, each of which was once open."""

import itertools

import pytest
from django.db import OperationalError

from portal.foundation import clock
from scheduler_bridge.accounting.ingest import ingest
from scheduler_bridge.dispatch import loop, results
from scheduler_bridge.dispatch.claim import claim_batch
from scheduler_bridge.models import Job, JobRun, SlurmAccountBinding
from scheduler_bridge.sites.clients import client_for, operator_token, signer_for
from scheduler_bridge.slurm_rest_client import AssociationLimits, JobSpec, Refused

pytestmark = pytest.mark.django_db


def test_a_full_slurm_account_is_tried_ever_more_seldom(stage, monkeypatch):
    def full(*_args, **_kwargs):
        raise Refused("submit", "Job violates accounting policy", status=500, code=2050)

    monkeypatch.setattr(client_for(stage.cluster, lane="send"), "submit", full)
    job = stage.submit()
    pauses = []
    for _ in range(4):
        Job.objects.update(not_before=None)
        stage.drain()
        job.refresh_from_db()
        pauses.append((job.not_before - clock.now()).total_seconds())
    assert job.state == "approved"
    assert all(later > 1.5 * earlier for earlier, later in itertools.pairwise(pauses)), pauses


def test_jobs_that_cannot_go_hide_none_behind_them(stage):
    waiting = [stage.submit(gpus=1, cpus=1) for _ in range(3)]
    last = stage.submit(gpus=1, cpus=1)
    Job.objects.filter(pk__in=[job.pk for job in waiting]).update(login="elsewhere")
    [claim] = claim_batch(stage.cluster, limit=3)
    assert claim.job.pk == last.pk


def test_answers_are_written_once_the_database_has_time(stage, monkeypatch):
    plain, busy = results.write, [True, True]

    def write(answers):
        if busy:
            busy.pop()
            raise OperationalError("lock timeout")
        plain(answers)

    monkeypatch.setattr(loop, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(results, "write", write)
    job = stage.submit()
    stage.drain()
    job.refresh_from_db()
    assert job.state == "queued"


def test_a_generation_that_a_restored_backup_forgot_is_still_paid_for(stage):
    """Opened after the backup: nothing in the database names it, but its name says whose it is."""
    first = stage.allocation.bindings.get()
    later = first.slurm_account.removesuffix("1") + "2"
    client, token = client_for(stage.cluster), operator_token(stage.cluster)
    login = stage.submit().login  # makes the login
    client.upsert_account(token, later)
    client.upsert_association(token, stage.cluster.slurm_name, later, AssociationLimits())
    client.upsert_association(
        token, stage.cluster.slurm_name, later, AssociationLimits(), user=login, parent=later
    )
    spec = JobSpec(
        name="by-hand", account=later, partition="gpu", cwd="/tmp", script="#!/bin/sh\nsleep 60\n",
        time_limit_minutes=5, gpus=1,
    )  # fmt: skip
    mine = signer_for(stage.cluster).mint(login, int(clock.now().timestamp()) + 60)
    client.submit(mine, spec)
    stage.advance(400)
    ingest(stage.cluster)
    regained = SlurmAccountBinding.objects.get(slurm_account=later)
    assert (regained.allocation_id, regained.generation) == (stage.allocation.pk, first.generation + 1)
    assert JobRun.objects.get(slurm_account=later).charged == 60
    assert stage.balances.spent == 60
