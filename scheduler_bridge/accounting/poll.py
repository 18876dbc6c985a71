"""Where open jobs stand now, by each cluster's live list. Their end is told by the accounting."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched

from django.db import transaction

from allocations.awards.transitions import ENDED
from datacenters.models import Cluster
from datacenters.services import cluster_seen
from portal.foundation import clock
from portal.foundation.bulk import store_all
from portal.foundation.services import audit
from scheduler_bridge.dispatch import locks
from scheduler_bridge.dispatch.gate import words
from scheduler_bridge.dispatch.identity import is_job
from scheduler_bridge.dispatch.lookup import holds_nothing
from scheduler_bridge.models import Job
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import JobState as SlurmState
from scheduler_bridge.slurm_rest_client import Listing, LiveJob, SlurmError, Unavailable
from scheduler_bridge.transitions import JobState

# A queued job is provisional until the accounting has it or it stood this long in the live list:
# a controller that dies right after its answer forgets the job and gives its id to the next.
PROVISIONAL = timedelta(seconds=30)
# A job that has ended leaves the live list, and the accounting tells its end. One of which neither tells
# anything for this long is looked up: its controller may have lost its state.
VANISHED = timedelta(minutes=5)
# Jobs updated in one transaction.
BATCH = 500
FIELDS = [
    "state", "reason", "slurm_account", "confirmed_at", "started_at", "exit_code", "uncertain_since",
    "first_miss_at", "cancel_requested_at",
]  # fmt: skip


def poll(cluster: Cluster) -> int:
    """Update this cluster's open jobs; returns how many changed. A cluster without open jobs is pinged.

    Raises SlurmError, OSError where there is no answer, once that is noted on the cluster.
    """
    # Before the list is asked for: what is sent meanwhile needn't stand in it.
    open_jobs = list(
        Job.objects.filter(cluster=cluster, state__in=[JobState.QUEUED, JobState.RUNNING])
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    try:
        if not open_jobs:
            _ping(cluster)
            return 0
        live = _list(cluster)
        complete = live.complete or _is_idle(cluster, live)
    except (SlurmError, OSError) as error:
        cluster_seen(cluster=cluster, problem=words(error))
        raise
    by_id = {sighting.job_id: sighting for sighting in live}
    return sum(_update(batch, by_id, complete=complete) for batch in batched(open_jobs, BATCH))


def _is_idle(cluster: Cluster, live: Listing[LiveJob]) -> bool:
    """Whether nothing is shown because nothing is there."""
    return not live.items and holds_nothing(live, client_for(cluster).diag(operator_token(cluster)))


def _list(cluster: Cluster) -> Listing[LiveJob]:
    live = client_for(cluster).list_jobs(operator_token(cluster))
    cluster_seen(cluster=cluster)
    return live


def _ping(cluster: Cluster) -> None:
    ping = client_for(cluster).ping(operator_token(cluster))
    if not ping.up:
        raise Unavailable("ping", "slurmctld doesn't answer.")
    cluster_seen(cluster=cluster, release=ping.release)


def _update(open_jobs: Sequence[int], by_id: dict[int, LiveJob], *, complete: bool) -> int:
    with transaction.atomic():
        locks.keep()
        jobs = list(
            Job.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("cluster", "allocation")
            .prefetch_related("attempts", "allocation__bindings")
            .filter(pk__in=open_jobs, state__in=[JobState.QUEUED, JobState.RUNNING])
            .exclude(slurm_job_id=None)
            .order_by("pk")
        )
        changed = [job for job in jobs if _changes(job, by_id, complete=complete)]
        store_all(changed, *FIELDS)
    return len(changed)


def _changes(job: Job, by_id: dict[int, LiveJob], *, complete: bool) -> bool:
    before = [getattr(job, field) for field in FIELDS]
    sighting = by_id.get(job.slurm_job_id or 0)
    if sighting is not None and is_job(sighting, job):
        _seen(job, sighting)
        _take_back(job, sighting)
    elif sighting is not None or complete:
        _missed(job)
    return before != [getattr(job, field) for field in FIELDS]


def _seen(job: Job, sighting: LiveJob) -> None:
    job.first_miss_at = None
    if job.confirmed_at is None and job.queued_at and clock.now() - job.queued_at >= PROVISIONAL:
        job.confirmed_at = clock.now()
    if any(binding.slurm_account == sighting.account for binding in job.allocation.bindings.all()):
        job.slurm_account = sighting.account  # a pending job moves on with its allocation's generations
    running = sighting.state in {SlurmState.RUNNING, SlurmState.SUSPENDED}
    if running and job.state == JobState.QUEUED:
        job.move("start")
        if sighting.start_time:
            job.started_at = datetime.fromtimestamp(sighting.start_time, UTC)
    elif sighting.state == SlurmState.PENDING and job.state == JobState.RUNNING:
        job.move("requeue")
        job.started_at = None
    if sighting.state.is_terminal:
        job.exit_code = sighting.exit.return_code  # which the accounting of Slurm 22.05 tells wrongly
    job.reason = sighting.reason if sighting.state == SlurmState.PENDING and sighting.reason != "None" else ""


def _take_back(job: Job, sighting: LiveJob) -> None:
    """Cancel what still waits on an ended allocation: Slurm would keep it waiting for ever.

    Only once Slurm is known to start nothing more of it: what runs may finish.
    """
    if job.cancel_requested_at or sighting.state != SlurmState.PENDING or job.allocation.state not in ENDED:
        return
    blocked = {binding.slurm_account for binding in job.allocation.bindings.all() if binding.blocked}
    if job.slurm_account in blocked:
        job.cancel_requested_at = clock.now()
        audit.record(actor=None, action="job_cancel", target=job, reason="The allocation has ended.")


def _missed(job: Job) -> None:
    if job.confirmed_at is not None:
        job.first_miss_at = job.first_miss_at or clock.now()
        if clock.now() - job.first_miss_at < VANISHED:
            return
    job.move("lose_sight")
    job.uncertain_since, job.first_miss_at = clock.now(), None
    job.reason = "The cluster no longer shows it; it is being looked up."
    audit.record(actor=None, action="job_lose_sight", target=job, reason=job.reason)
