"""Carrying out cancels on the cluster. Only what verifiably is ours is ever cancelled."""

import logging

from datacenters.models import Cluster
from portal.foundation import clock
from scheduler_bridge.dispatch import locks
from scheduler_bridge.dispatch.gate import TROUBLE
from scheduler_bridge.dispatch.identity import is_job, verifies
from scheduler_bridge.models import DispatchAttempt, ExtraCopy, Job
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import LiveJob, NotFound, SlurmError
from scheduler_bridge.transitions import JobState

log = logging.getLogger(__name__)


def cancel_requested(cluster: Cluster) -> int:
    """Cancel on the cluster what people asked to cancel, and copies too many; returns how many it was told.

    The end itself is told by the accounting. Raises SlurmError, OSError at the first call that shows the
    cluster in trouble: the others would wait as long for the same.
    """
    jobs = Job.objects.filter(
        cluster=cluster,
        cancel_requested_at__isnull=False,
        slurm_job_id__isnull=False,
        state__in=[JobState.QUEUED, JobState.RUNNING],
    ).prefetch_related("attempts")
    extra = ExtraCopy.objects.select_related("attempt__job__cluster").filter(
        attempt__job__cluster=cluster, gone_at=None
    )
    return sum(_cancel(job) for job in jobs) + sum(_cancel_extra(copy) for copy in extra)


def note_extra(attempt: DispatchAttempt, slurm_job_id: int) -> None:
    """There is a copy too many on the cluster: from now on its cancelling is tried until it has gone."""
    ExtraCopy.objects.get_or_create(attempt=attempt, slurm_job_id=slurm_job_id)


def _cancel(job: Job) -> bool:
    live = _live(job.cluster, job.slurm_job_id)
    if live is None or live.state.is_terminal or not is_job(live, job):
        return False
    return _told(job.cluster, live.job_id)


def _cancel_extra(copy: ExtraCopy) -> bool:
    """A job that took the copy for its own (the first was lost) keeps it."""
    job = copy.attempt.job
    live = None if copy.slurm_job_id == job.slurm_job_id else _live(job.cluster, copy.slurm_job_id)
    if live is None or live.state.is_terminal or not verifies(live, copy.attempt, job):
        copy.gone_at = clock.now()
        copy.store("gone_at")
        return False
    return _told(job.cluster, live.job_id)


def _live(cluster: Cluster, slurm_job_id: int | None) -> LiveJob | None:
    if slurm_job_id is None:
        return None
    try:
        return client_for(cluster).get_job(operator_token(cluster), slurm_job_id)
    except NotFound:
        return None


def _told(cluster: Cluster, slurm_job_id: int) -> bool:
    locks.keep()
    try:
        client_for(cluster).cancel(operator_token(cluster), slurm_job_id)
    except TROUBLE:
        raise
    except SlurmError as error:
        log.warning("Cancelling %s on %s: %s", slurm_job_id, cluster.code, error)
        return False
    return True
