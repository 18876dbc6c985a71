"""Where open jobs stand now, by each cluster's live list. Their end is told by the accounting."""

from datetime import UTC, datetime, timedelta

from django.db import transaction

from allocations.awards.transitions import ENDED
from datacenters.models import Cluster
from datacenters.services import cluster_seen
from portal.foundation import clock
from portal.foundation.services import audit
from scheduler_bridge.dispatch.identity import is_job
from scheduler_bridge.models import Job
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import JobState as SlurmState
from scheduler_bridge.slurm_rest_client import LiveJob, SlurmError
from scheduler_bridge.transitions import JobState

# A queued job is provisional until the accounting has it or it stood this long in the live list:
# a controller that dies right after its answer forgets the job and gives its id to the next.
PROVISIONAL = timedelta(seconds=30)


def poll(cluster: Cluster) -> int:
    """Update this cluster's open jobs; returns how many changed. A cluster without open jobs is pinged."""
    client, token = client_for(cluster), operator_token(cluster)
    # Before the list is asked for: what is sent meanwhile needn't stand in it.
    open_jobs = list(
        Job.objects.filter(cluster=cluster, state__in=[JobState.QUEUED, JobState.RUNNING]).values_list(
            "pk", flat=True
        )
    )
    try:
        if not open_jobs:
            ping = client.ping(token)
            problem = "" if ping.up else "slurmctld doesn't answer."
            cluster_seen(cluster=cluster, release=ping.release, problem=problem)
            return 0
        live = client.list_jobs(token)
    except SlurmError as error:
        cluster_seen(cluster=cluster, release="", problem=str(error))
        return 0
    cluster_seen(cluster=cluster, release="", problem="")
    by_id = {sighting.job_id: sighting for sighting in live}
    return sum(_update(pk, by_id, complete=live.complete) for pk in open_jobs)


def _update(pk: int, by_id: dict[int, LiveJob], *, complete: bool) -> bool:
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("cluster", "allocation")
            .prefetch_related("attempts")
            .filter(pk=pk, state__in=[JobState.QUEUED, JobState.RUNNING])
            .first()
        )
        if job is None or job.slurm_job_id is None:
            return False
        before = (job.state, job.reason, job.confirmed_at, job.started_at)
        sighting = by_id.get(job.slurm_job_id)
        if sighting is not None and is_job(sighting, job):
            _seen(job, sighting)
            _take_back(job, sighting)
        elif (sighting is not None or complete) and job.confirmed_at is None:
            _lost(job)
        if before == (job.state, job.reason, job.confirmed_at, job.started_at):
            return False
        job.store("state", "reason", "confirmed_at", "started_at", "uncertain_since")
        return True


def _seen(job: Job, sighting: LiveJob) -> None:
    if job.confirmed_at is None and job.queued_at and clock.now() - job.queued_at >= PROVISIONAL:
        job.confirmed_at = clock.now()
    running = sighting.state in {SlurmState.RUNNING, SlurmState.SUSPENDED}
    if running and job.state == JobState.QUEUED:
        job.move("start")
        if sighting.start_time:
            job.started_at = datetime.fromtimestamp(sighting.start_time, UTC)
    elif sighting.state == SlurmState.PENDING and job.state == JobState.RUNNING:
        job.move("requeue")
        job.started_at = None
    job.reason = sighting.reason if sighting.state == SlurmState.PENDING and sighting.reason != "None" else ""


def _take_back(job: Job, sighting: LiveJob) -> None:
    """Cancel what still waits on an ended allocation: Slurm would keep it waiting for ever.

    Only once Slurm is known to start nothing more of it: what runs may finish.
    """
    if job.cancel_requested_at or sighting.state != SlurmState.PENDING or job.allocation.state not in ENDED:
        return
    if job.allocation.bindings.filter(slurm_account=job.slurm_account, blocked=True).exists():
        job.cancel_requested_at = clock.now()
        job.store("cancel_requested_at")
        audit.record(actor=None, action="job_cancel", target=job, reason="The allocation has ended.")


def _lost(job: Job) -> None:
    job.move("lose_sight")
    job.uncertain_since = clock.now()
    job.reason = "The cluster no longer shows it; it is being looked up."
    audit.record(actor=None, action="job_lose_sight", target=job, reason=job.reason)
