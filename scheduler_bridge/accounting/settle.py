"""What one run of the accounting means for its row, its charge, its usage and its job."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from allocations.awards.transitions import ENDED
from allocations.ledger import services as ledger
from allocations.ledger.models import PostingKind
from allocations.usage import services as usage_services
from allocations.usage.models import UsageRecord
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, Refused
from portal.foundation.services import audit, outbox
from scheduler_bridge.dispatch.cancel import note_extra
from scheduler_bridge.dispatch.identity import attempt_code
from scheduler_bridge.models import Job, JobRun
from scheduler_bridge.slurm_rest_client import AccountingRun
from scheduler_bridge.slurm_rest_client import JobState as SlurmState
from scheduler_bridge.transitions import JobState

ENDED_AS = {
    SlurmState.COMPLETED: JobState.COMPLETED,
    SlurmState.CANCELLED: JobState.CANCELLED,
    SlurmState.FAILED: JobState.FAILED,
    SlurmState.TIMEOUT: JobState.TIMEOUT,
    SlurmState.DEADLINE: JobState.TIMEOUT,
    SlurmState.NODE_FAIL: JobState.NODE_FAIL,
    SlurmState.BOOT_FAIL: JobState.NODE_FAIL,
    SlurmState.PREEMPTED: JobState.PREEMPTED,
    SlurmState.OUT_OF_MEMORY: JobState.OUT_OF_MEMORY,
}
COPIED = [
    "job", "allocation", "slurm_account", "login", "name", "state", "started_at", "ended_at",
    "elapsed_seconds", "gpus",
]  # fmt: skip
# Slurm mostly puts such jobs back into its queue, and the next run shows up only after a while.
RUN_AGAIN = {SlurmState.NODE_FAIL, SlurmState.BOOT_FAIL, SlurmState.PREEMPTED}
RUN_AGAIN_WITHIN = timedelta(minutes=5)
OPEN = {JobState.QUEUED, JobState.RUNNING, JobState.UNCERTAIN}


def copy(told: AccountingRun, kept: JobRun) -> None:
    """Bring the kept row up to what the accounting says now (`charged` apart)."""
    kept.slurm_account = told.account[:200]
    kept.login = told.user[:32]
    kept.name = told.name[:200]
    kept.state = told.state
    kept.started_at = moment(told.start_time)
    kept.ended_at = moment(told.end_time)
    kept.elapsed_seconds = told.elapsed_s
    kept.gpus = told.gpus


def moment(epoch: int | None) -> datetime | None:
    return datetime.fromtimestamp(epoch, UTC) if epoch else None


def was_requeued(told: AccountingRun) -> bool:
    return "REQUEUED" in told.flags


def charge(kept: JobRun, told: AccountingRun, job: Job | None) -> ledger.Charge:
    """GPUs × elapsed seconds, as the accounting has them, from the job's hold if that is on what pays."""
    return ledger.Charge(
        allocation_code=kept.allocation.code,
        run_key=kept.key,
        gpu_seconds=told.gpu_seconds,
        key=f"charge:{kept.key}",
        job_code=job.code if job and job.allocation_id == kept.allocation_id else None,
    )


def is_jobs_own(job: Job, told: AccountingRun) -> bool:
    """Whether the run is of the copy that the job stands for, not of an extra one being cancelled."""
    return job.slurm_job_id in {None, told.job_id}


def usage(kept: JobRun, told: AccountingRun, job: Job | None) -> UsageRecord:
    """The usage record of a charged run, not yet saved."""
    return UsageRecord(
        run_key=kept.key,
        allocation=kept.allocation,
        user=job.submitted_by if job else None,
        login=kept.login,
        job_code=job.code if job else "",
        started_at=kept.started_at or kept.submitted_at,
        ended_at=kept.ended_at or kept.submitted_at,
        gpus=told.gpus,
        gpu_seconds=told.gpu_seconds,
        state=ENDED_AS.get(told.state, JobState.FAILED),
    )


def correct(kept: JobRun, told: AccountingRun, job: Job | None) -> None:
    """The accounting changed its mind about a charged run: post the difference."""
    reason = f"The cluster's accounting changed from {kept.charged} to {told.gpu_seconds} GPU-seconds."
    key = f"correct:{kept.key}:{kept.charged}:{told.gpu_seconds}:{int(clock.now().timestamp())}"
    try:
        ledger.charge_correct(
            allocation_code=kept.allocation.code,
            run_key=kept.key,
            gpu_seconds=told.gpu_seconds,
            key=key,
            reason=reason,
        )
    except InvalidInput as error:
        if error.code != "no_charge":
            raise
        ledger.charge_many([charge(kept, told, job)])  # it had been told to have used nothing
    if kept.allocation.state in ENDED:
        # What flows back to an allocation that has ended goes on to the pools at once.
        ledger.return_post(
            allocation_code=kept.allocation.code,
            kind=PostingKind.EXPIRE,
            key=f"{key}/sweep",
            actor=None,
            reason=reason,
        )
    usage_services.usage_correct(
        run_key=kept.key, gpu_seconds=told.gpu_seconds, ended_at=kept.ended_at, reason=reason
    )
    if job is not None and is_jobs_own(job, told):
        job.charged += told.gpu_seconds - (kept.charged or 0)
        job.store("charged")
    kept.charged = told.gpu_seconds


def follow(job: Job, kept: JobRun, told: AccountingRun, *, newly_charged: bool) -> None:
    """Move the job to where its run says that it is."""
    if not is_jobs_own(job, told):
        _extra(job, told)
        return
    if newly_charged:
        job.charged += told.gpu_seconds
        job.store("charged")
    if job.state not in OPEN:
        return
    if job.confirmed_at is None and job.state != JobState.UNCERTAIN:
        job.confirmed_at = clock.now()
        job.store("confirmed_at")
    if not told.is_final:
        return
    if not was_requeued(told) and not _may_run_again(job, kept, told):
        _ended(job, told)
    elif newly_charged:
        _requeued(job, run_key=kept.key, gpu_seconds=told.gpu_seconds)


def _extra(job: Job, told: AccountingRun) -> None:
    """A copy of the job beside the one that it stands for: it is cancelled while there is anything of it."""
    attempt = job.attempts.filter(code=attempt_code(told)).first()
    if attempt is not None and not told.is_final:
        note_extra(attempt, told.job_id)


def _may_run_again(job: Job, kept: JobRun, told: AccountingRun) -> bool:
    """Whether a later run is known, or may still come."""
    if job.runs.filter(slurm_job_id=kept.slurm_job_id, submitted_at__gt=kept.submitted_at).exists():
        return True
    ended_at = kept.ended_at or kept.submitted_at
    return told.state in RUN_AGAIN and clock.now() - ended_at < RUN_AGAIN_WITHIN


def _requeued(job: Job, *, run_key: str, gpu_seconds: int) -> None:
    """The run that ended used up part of the hold: hold as much again for the next."""
    if job.state == JobState.RUNNING:
        job.move("requeue")
        job.started_at = None
        job.store("state", "started_at")
    if not gpu_seconds:
        return
    # In overrun nothing can be held: the next run is charged all the same when it ends.
    with suppress(Refused):
        ledger.hold_top_up(
            job_code=job.code,
            gpu_seconds=gpu_seconds,
            key=f"requeue:{run_key}",
            partial=True,
        )


def _ended(job: Job, told: AccountingRun) -> None:
    job.move(f"end_{ENDED_AS.get(told.state, JobState.FAILED)}")
    job.slurm_job_id = told.job_id
    job.started_at = moment(told.start_time) if told.elapsed_s else job.started_at
    job.ended_at = moment(told.end_time)
    if told.exit.return_code is not None:  # which the accounting of Slurm 22.05 doesn't know of a failure
        job.exit_code = told.exit.return_code
    job.reason = "" if told.reason == "None" else told.reason
    job.uncertain_since = job.first_miss_at = None
    job.store(
        "state", "slurm_job_id", "started_at", "ended_at", "exit_code", "reason", "uncertain_since",
        "first_miss_at",
    )  # fmt: skip
    ledger.hold_release(job_code=job.code, key=f"release:{job.code}")
    audit.record(
        actor=None,
        action=f"job_{job.state}",
        target=job,
        after={"state": job.state, "gpu_seconds": job.charged, "slurm_job_id": job.slurm_job_id},
    )
    outbox.enqueue(topic="job_ended", payload={"job": job.code})
