"""Writing down what came of a batch of attempts."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Max

from allocations.ledger import services as ledger
from portal.foundation import clock
from portal.foundation.bulk import store_all
from portal.foundation.services import audit, outbox
from scheduler_bridge.dispatch.cancel import note_extra
from scheduler_bridge.dispatch.send import Answer
from scheduler_bridge.models import DispatchAttempt, Job
from scheduler_bridge.transitions import AttemptOutcome, JobState

RETRY_PAUSE = timedelta(seconds=2)
# A Slurm account that is full may stay so for hours: each further try waits twice as long.
LONGEST_PAUSE = timedelta(minutes=10)
FIELDS = [
    "state", "reason", "lease_until", "not_before", "uncertain_since", "first_miss_at",
    "slurm_job_id", "queued_at", "ended_at",
]  # fmt: skip


def write(answers: list[Answer]) -> None:
    """Record the answers of one batch and move their jobs on, in one transaction.

    An answer that comes after its job was given up on is still recorded; a job id that it brings is one
    too many and gets cancelled.
    """
    with transaction.atomic():
        wanted = [answer.claim.job.pk for answer in answers]
        jobs = Job.objects.select_for_update().defer("script").order_by("pk")
        by_id = {job.pk: job for job in jobs.filter(pk__in=wanted)}
        attempted = DispatchAttempt.objects.filter(job__in=wanted).values("job")
        counted = attempted.annotate(latest=Max("pk"), tries=Count("pk"))
        latest = dict(counted.values_list("latest", "tries"))
        # Read afresh: while the answer was on its way, its copy may have been found or proven absent.
        attempts = DispatchAttempt.objects.in_bulk([answer.claim.attempt.pk for answer in answers])
        for answer in answers:
            _record(attempts[answer.claim.attempt.pk], answer)
            _move(by_id[answer.claim.job.pk], answer, tries=latest.get(answer.claim.attempt.pk))
        store_all(attempts.values(), "outcome", "answered_at", "slurm_job_id", "answer")
        store_all(by_id.values(), *FIELDS)


def _record(attempt: DispatchAttempt, answer: Answer) -> None:
    attempt.answered_at = clock.now()
    attempt.answer = answer.text[:2000]
    if answer.outcome == AttemptOutcome.UNCLEAR and attempt.outcome != AttemptOutcome.OPEN:
        return
    attempt.outcome = answer.outcome
    attempt.slurm_job_id = answer.slurm_job_id


def _move(job: Job, answer: Answer, *, tries: int | None) -> None:
    """`tries`: how many attempts there were, if this is the latest."""
    waits = job.state in {JobState.DISPATCHING, JobState.UNCERTAIN}
    if waits and tries is not None:
        job.lease_until = None
        MOVES[answer.outcome](job, answer)
        if answer.is_full:
            job.not_before = clock.now() + min(RETRY_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
    elif answer.outcome == AttemptOutcome.ACCEPTED and answer.slurm_job_id != job.slurm_job_id:
        note_extra(answer.claim.attempt, answer.slurm_job_id or 0)


def _accepted(job: Job, answer: Answer) -> None:
    job.move("accept")
    job.slurm_job_id = answer.slurm_job_id
    job.queued_at = clock.now()
    job.reason = answer.text
    job.uncertain_since = job.first_miss_at = None


def _refused(job: Job, answer: Answer) -> None:
    job.move("refuse")
    job.reason = answer.text
    job.ended_at = clock.now()
    job.uncertain_since = job.first_miss_at = None
    ledger.hold_release(job_code=job.code, key=f"release:{job.code}")
    audit.record(actor=None, action="job_refuse", target=job, after={"state": job.state}, reason=answer.text)
    outbox.enqueue(topic="job_ended", payload={"job": job.code})


def _not_sent(job: Job, answer: Answer) -> None:
    job.move("put_back")
    job.reason = answer.text
    job.not_before = clock.now() + RETRY_PAUSE
    job.uncertain_since = job.first_miss_at = None


def _unclear(job: Job, answer: Answer) -> None:
    if job.state == JobState.DISPATCHING:
        job.move("lose_sight")
        job.uncertain_since = clock.now()
    job.reason = answer.text


MOVES = {
    AttemptOutcome.ACCEPTED: _accepted,
    AttemptOutcome.REFUSED: _refused,
    AttemptOutcome.NOT_SENT: _not_sent,
    AttemptOutcome.UNCLEAR: _unclear,
}
