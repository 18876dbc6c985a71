"""Jobs of which nobody knows whether the cluster has them: looked for, never sent again on a guess.

A job is given up as absent only when slurmctld's own clock is past every attempt's fence, and two looks at
least MISS_INTERVAL apart, each complete on both the live list and the accounting, didn't find it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db import transaction

from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.services import audit
from scheduler_bridge.dispatch import locks
from scheduler_bridge.dispatch.cancel import note_extra
from scheduler_bridge.dispatch.identity import Sighting, attempt_code, verifies
from scheduler_bridge.models import DispatchAttempt, Job
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import AccountingRun, Diag, Listing, LiveJob
from scheduler_bridge.transitions import AttemptOutcome, JobState

# The cluster's accounting is searched from this long before the first attempt.
CLOCK_SLACK_SECONDS = 300
# What Slurm 24.11 remarks on a list of jobs in which there are none.
ZERO_JOBS = "Zero jobs to dump"
# Before a job that was lost again is sent once more.
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=30)


@dataclass(frozen=True)
class Look:
    """One pass over a cluster: what it holds and has recorded, and whether that is all."""

    server_time: int
    complete: bool
    seen: tuple[Sighting, ...]

    @cached_property
    def by_attempt(self) -> dict[str, list[Sighting]]:
        """By the attempt that their comment names."""
        named: dict[str, list[Sighting]] = {}
        for sighting in self.seen:
            if code := attempt_code(sighting):
                named.setdefault(code, []).append(sighting)
        return named


def expire_leases() -> int:
    """Jobs whose sender fell silent become uncertain; returns how many."""
    with transaction.atomic():
        jobs = list(
            Job.objects.select_for_update(skip_locked=True)
            .filter(state=JobState.DISPATCHING, lease_until__lt=clock.now())
            .order_by("pk")
        )
        for job in jobs:
            job.move("lose_sight")
            job.uncertain_since = clock.now()
            job.lease_until = None
            job.reason = "The worker that sent it fell silent."
            job.store("state", "uncertain_since", "lease_until", "reason")
            audit.record(actor=None, action="job_lose_sight", target=job, reason=job.reason)
    return len(jobs)


def resolve(cluster: Cluster) -> int:
    """Look for this cluster's uncertain jobs; returns how many were settled. One look serves them all.

    Raises SlurmError, OSError where there is no answer, which is no proof.
    """
    jobs = list(Job.objects.filter(cluster=cluster, state=JobState.UNCERTAIN).prefetch_related("attempts"))
    if not jobs:
        return 0
    since = min(attempt.created_at for job in jobs for attempt in job.attempts.all())
    look = look_at(cluster, since=since, ids=[job.slurm_job_id for job in jobs if job.slurm_job_id])
    return sum(_settle(job.pk, look) for job in jobs)


def look_at(cluster: Cluster, *, since: datetime, ids: Sequence[int] = ()) -> Look:
    """One pass over what the cluster holds and what it recorded since that moment of our clock.

    `ids` of jobs that it had once are asked for by themselves: what was held is in no window of time.
    """
    client, token = client_for(cluster), operator_token(cluster)
    # The cluster's clock is read before the lists: what they miss was then really missing after the fence.
    diag = client.diag(token)
    locks.keep()
    # Attempts are dated by our clock, runs by the cluster's, which may be behind.
    behind = max(0, int(clock.now().timestamp()) - diag.server_time)
    live = client.list_jobs(token)
    locks.keep()
    recorded = client.accounting_jobs(
        token,
        cluster.slurm_name,
        int(since.timestamp()) - behind - CLOCK_SLACK_SECONDS,
        diag.server_time + CLOCK_SLACK_SECONDS,
    )
    told_all = live.complete or holds_nothing(live, diag)
    complete = told_all and recorded.complete and diag.dbd_agent_queue_size == 0
    runs = list(recorded)
    if ids:
        locks.keep()
        by_id = client.accounting_by_id(token, cluster.slurm_name, ids)
        complete = complete and by_id.complete
        runs += by_id
    seen = (*live, *(_credible(runs, live) if told_all else runs))
    return Look(diag.server_time, complete, seen)


def holds_nothing(live: Listing[LiveJob], diag: Diag) -> bool:
    """Slurm 24.11 remarks on an empty list, and shows one to who may see nobody's jobs: so the controller's
    own counts must say the same."""
    remarked = live.warnings == (ZERO_JOBS,) and not live.items and not live.odd
    return remarked and diag.jobs_pending == diag.jobs_running == 0


def _credible(recorded: Iterable[AccountingRun], live: Listing[LiveJob]) -> Iterator[AccountingRun]:
    """What the accounting has, less what it takes to be open while slurmctld has forgotten it."""
    held: dict[int, LiveJob] = {sighting.job_id: sighting for sighting in live}
    for run in recorded:
        if run.is_final or _same(held.get(run.job_id), run):
            yield run


def _same(sighting: LiveJob | None, run: AccountingRun) -> bool:
    """A forgotten job's id goes to the next; of a job that is renamed or remarked one of the two stays."""
    return sighting is not None and (sighting.name == run.name or sighting.comment == run.comment)


def _settle(job_id: int, look: Look) -> bool:
    with transaction.atomic():
        locks.keep()
        job = Job.objects.select_for_update(of=("self",)).select_related("cluster").get(pk=job_id)
        if job.state != JobState.UNCERTAIN:
            return True
        found = _copies(job, look)
        if found:
            _found(job, found)
            return True
        return _missed(job, look)


def _copies(job: Job, look: Look) -> dict[int, DispatchAttempt]:
    """Job ids on the cluster that verify as ours, with the attempt that sent each."""
    return {
        sighting.job_id: attempt
        for attempt in job.attempts.order_by("pk")
        for sighting in look.by_attempt.get(attempt.code, [])
        if verifies(sighting, attempt, job)
    }


def _found(job: Job, copies: dict[int, DispatchAttempt]) -> None:
    kept, *extra = sorted(copies, key=lambda job_id: (copies[job_id].pk, job_id))
    for job_id in extra:
        note_extra(copies[job_id], job_id)
    for job_id in (*extra, kept):
        attempt = copies[job_id]
        attempt.outcome, attempt.slurm_job_id = AttemptOutcome.FOUND, job_id
        attempt.store("outcome", "slurm_job_id")
    job.move("accept")
    job.slurm_job_id = kept
    job.slurm_account = copies[kept].slurm_account
    job.queued_at = job.queued_at or clock.now()
    job.uncertain_since = job.first_miss_at = None
    job.reason = ""
    _store(job)
    audit.record(actor=None, action="job_found", target=job, after={"slurm_job_id": kept})


def _missed(job: Job, look: Look) -> bool:
    fence = max(attempt.token_expires_at for attempt in job.attempts.all())
    if not look.complete or look.server_time <= fence.timestamp():
        return False
    if job.first_miss_at is None:
        job.first_miss_at = clock.now()
        _store(job)
        return False
    if clock.now() - job.first_miss_at < timedelta(seconds=settings.MISS_INTERVAL_SECONDS):
        return False
    job.attempts.exclude(outcome__in=[AttemptOutcome.REFUSED, AttemptOutcome.NOT_SENT]).update(
        outcome=AttemptOutcome.ABSENT
    )
    job.move("put_back")
    job.slurm_job_id = None
    job.uncertain_since = job.first_miss_at = job.confirmed_at = None
    job.reason = "It wasn't on the cluster; it is being sent again."
    job.not_before = clock.now() + _pause(job)
    _store(job)
    audit.record(actor=None, action="job_proven_absent", target=job, reason=job.reason)
    return True


def _pause(job: Job) -> timedelta:
    """None after the first loss, then growing: one job that never arrives mustn't keep a site's gate shut."""
    losses = job.attempts.filter(outcome=AttemptOutcome.ABSENT).count()
    return min(FIRST_PAUSE * (2 ** min(losses, 10) - 2), LONGEST_PAUSE)


def _store(job: Job) -> None:
    job.store(
        "state", "slurm_job_id", "slurm_account", "queued_at", "confirmed_at", "uncertain_since",
        "first_miss_at", "not_before", "reason",
    )  # fmt: skip
