"""Runs that are out of the ordinary: one odd job never stops a site's accounting, nor keeps its hold."""

from typing import Any

import msgspec
import pytest

from allocations.awards.models import Allocation
from allocations.ledger import services as ledger
from allocations.ledger.models import Posting
from allocations.ledger.selectors import balances
from portal.foundation import clock
from portal.foundation.clock import Quarter
from scheduler_bridge.accounting import ingest as accounting
from scheduler_bridge.models import AccountingCursor, Job, JobRun, SlurmAccountBinding
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import AccountingRun, Listing
from scheduler_bridge.slurm_rest_client import JobState as SlurmState

pytestmark = pytest.mark.django_db


@pytest.fixture
def ran(stage) -> tuple[Job, AccountingRun]:
    """A job that has run for a minute, and what the accounting says of it; nothing is ingested yet."""
    job = stage.submit()
    stage.drain()
    stage.advance(90)
    told = runs(stage)
    assert told[0].is_final
    return job, told[0]


def runs(stage) -> list[AccountingRun]:
    client, token = client_for(stage.cluster), operator_token(stage.cluster)
    return list(client.accounting_jobs(token, "ned", 0, 4_000_000_000))


def ingest(stage, monkeypatch, *told: AccountingRun, **listing: Any) -> int:
    """Ingest exactly these runs."""
    client = client_for(stage.cluster)
    monkeypatch.setattr(client, "accounting_jobs", lambda *_: Listing(told, **listing))
    monkeypatch.setattr(client, "accounting_by_id", lambda *_: Listing(()))
    return accounting.ingest(stage.cluster)


def another_allocation(stage) -> Allocation:
    """A second one of the same project, with a Slurm account of its own."""
    other = Allocation.objects.create(
        project=stage.cast.project,
        resource=stage.cast.resource,
        starts_on=stage.allocation.starts_on,
        ends_on=stage.allocation.ends_on,
        state="active",
    )
    ledger.award_post(
        resource=stage.cast.resource,
        allocation_code=other.code,
        portions={Quarter.of(clock.today()): 36_000},
        key=f"award:{other.code}",
        actor=stage.cast.admin,
    )
    SlurmAccountBinding.objects.create(
        allocation=other, cluster=stage.cluster, slurm_account="tqother", limit_minutes=600
    )
    return other


def test_requeued_before_it_ran_a_second(stage, ran, monkeypatch):
    job, told = ran
    instant = msgspec.structs.replace(
        told, submit_time=told.submit_time - 5, elapsed_s=0, flags=frozenset({"REQUEUED"})
    )
    assert ingest(stage, monkeypatch, instant) == 1
    job.refresh_from_db()
    assert job.state == "queued"
    assert stage.balances.held == job.most_gpu_seconds
    assert ingest(stage, monkeypatch, instant, told) == 1
    job.refresh_from_db()
    assert job.state == "completed"
    assert stage.balances.held == 0
    assert stage.balances.spent == told.gpu_seconds == job.charged


def test_moved_by_its_owner_to_another_allocation(stage, ran, monkeypatch):
    """Slurm counts it to the other one, so it is charged there; its own hold is let go."""
    job, told = ran
    other = another_allocation(stage)
    assert ingest(stage, monkeypatch, msgspec.structs.replace(told, account="tqother")) == 1
    job.refresh_from_db()
    assert job.state == "completed"
    assert balances(other.code).spent == told.gpu_seconds
    assert (stage.balances.spent, stage.balances.held) == (0, 0)


def test_moved_after_it_was_first_seen(stage, ran, monkeypatch):
    job, told = ran
    other = another_allocation(stage)
    pending = msgspec.structs.replace(
        told, state=SlurmState.PENDING, start_time=None, end_time=None, elapsed_s=0
    )
    ingest(stage, monkeypatch, pending)
    ingest(stage, monkeypatch, msgspec.structs.replace(told, account="tqother"))
    assert JobRun.objects.get(job=job).allocation == other
    assert balances(other.code).spent == told.gpu_seconds
    assert (stage.balances.spent, stage.balances.held) == (0, 0)


def test_moved_to_a_slurm_account_that_isnt_ours(stage, ran, monkeypatch):
    """It was sent on this budget, so this budget pays; the hold mustn't stay for ever."""
    job, told = ran
    assert ingest(stage, monkeypatch, msgspec.structs.replace(told, account="physics")) == 1
    job.refresh_from_db()
    assert job.state == "completed"
    assert stage.balances.spent == told.gpu_seconds
    assert stage.balances.held == 0


def test_a_strangers_run_is_none_of_ours(stage, ran, monkeypatch):
    _job, told = ran
    strange = msgspec.structs.replace(
        told, job_id=told.job_id + 1, name="theirs", comment="", account="physics"
    )
    assert ingest(stage, monkeypatch, strange) == 0
    assert not JobRun.objects.exists()


def test_renamed_and_its_mark_rubbed_off(stage, ran, monkeypatch):
    job, told = ran
    pending = msgspec.structs.replace(
        told, state=SlurmState.PENDING, start_time=None, end_time=None, elapsed_s=0
    )
    ingest(stage, monkeypatch, pending)
    ingest(stage, monkeypatch, msgspec.structs.replace(told, name="mine", comment="mine"))
    job.refresh_from_db()
    assert job.state == "completed"
    assert stage.balances.held == 0


def test_the_same_job_id_used_again_by_somebody_else(stage, ran, monkeypatch):
    """A controller that lost its state counts from 1 again: the later run isn't the job's."""
    job, told = ran
    later = msgspec.structs.replace(
        told, submit_time=told.submit_time + 600, name="theirs", comment="", user="stranger", elapsed_s=7
    )
    ingest(stage, monkeypatch, told, later)
    job.refresh_from_db()
    assert job.charged == told.gpu_seconds
    assert JobRun.objects.get(job=None).login == "stranger"


def test_charged_nothing_at_first_then_something(stage, ran, monkeypatch):
    job, told = ran
    ingest(stage, monkeypatch, msgspec.structs.replace(told, elapsed_s=0))
    assert stage.balances.spent == 0
    ingest(stage, monkeypatch, told)
    assert stage.balances.spent == told.gpu_seconds
    ingest(stage, monkeypatch, msgspec.structs.replace(told, elapsed_s=0))
    assert stage.balances.spent == 0
    job.refresh_from_db()
    assert job.charged == 0, "the job shows what it is charged by now"


def test_a_run_that_cant_be_charged_doesnt_keep_the_others_from_it(stage, ran, monkeypatch):
    job, told = ran
    impossible = msgspec.structs.replace(told, job_id=told.job_id + 1, comment="", name="odd", elapsed_s=-5)
    assert ingest(stage, monkeypatch, impossible, told) == 1
    job.refresh_from_db()
    assert job.state == "completed"
    assert Posting.objects.filter(kind="charge").count() == 1
    assert not AccountingCursor.objects.exists(), "the cursor waits for what couldn't be charged"


def test_a_node_that_failed_under_a_job_that_runs_again(stage, ran, monkeypatch):
    """Slurm requeues it: that run is NODE_FAIL, not REQUEUED, and a later run of the same job is there."""
    job, told = ran
    failed = msgspec.structs.replace(
        told, submit_time=told.submit_time - 60, state=SlurmState.NODE_FAIL, elapsed_s=10
    )
    running = msgspec.structs.replace(told, state=SlurmState.RUNNING, end_time=None, elapsed_s=0)
    assert ingest(stage, monkeypatch, failed, running) == 1
    job.refresh_from_db()
    assert job.state in {"queued", "running"}
    assert stage.balances.held == job.most_gpu_seconds
    ingest(stage, monkeypatch, failed, told)
    job.refresh_from_db()
    assert job.state == "completed"
    assert stage.balances.spent == job.charged == failed.gpu_seconds + told.gpu_seconds
    assert stage.balances.held == 0


def test_the_cursor_waits_while_slurmctld_has_yet_to_tell_slurmdbd(stage, ran, monkeypatch):
    _job, told = ran
    client = client_for(stage.cluster)
    diag = client.diag(operator_token(stage.cluster))
    monkeypatch.setattr(client, "diag", lambda _: msgspec.structs.replace(diag, dbd_agent_queue_size=3))
    assert ingest(stage, monkeypatch, told) == 1
    assert not AccountingCursor.objects.exists()


def test_a_mark_in_letters_that_no_mark_has(stage, ran, monkeypatch):
    """People write their own comments; one that names an attempt and isn't ASCII broke the comparison."""
    job, told = ran
    odd = msgspec.structs.replace(told, name="mine", comment=f"tq:{job.attempts.get().code}:ü")
    assert ingest(stage, monkeypatch, odd) == 1
    assert JobRun.objects.get().job is None
