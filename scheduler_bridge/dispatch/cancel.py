"""Carrying out cancels on the cluster. Only what verifiably is ours is ever cancelled."""

import logging

from datacenters.models import Cluster
from scheduler_bridge.dispatch.identity import is_job, verifies
from scheduler_bridge.models import DispatchAttempt, Job
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import NeverSent, NoAnswer, NotFound, SlurmError, Unavailable
from scheduler_bridge.transitions import JobState

log = logging.getLogger(__name__)


def cancel_requested(cluster: Cluster) -> int:
    """Cancel on the cluster what people asked to cancel; the end itself is told by the accounting."""
    jobs = Job.objects.filter(
        cluster=cluster,
        cancel_requested_at__isnull=False,
        state__in=[JobState.QUEUED, JobState.RUNNING],
    ).prefetch_related("attempts")
    cancelled = 0
    try:
        for job in jobs:
            cancelled += _cancel(job)
    except (NeverSent, NoAnswer, Unavailable) as error:
        log.warning("Cancelling on %s: %s", cluster.code, error)  # the others would wait as long for the same
    return cancelled


def _cancel(job: Job) -> bool:
    client, token = client_for(job.cluster), operator_token(job.cluster)
    if job.slurm_job_id is None:
        return False
    try:
        live = client.get_job(token, job.slurm_job_id)
        if live.state.is_terminal or not is_job(live, job):
            return False
        client.cancel(token, job.slurm_job_id)
    except NotFound:
        return False
    except (NeverSent, NoAnswer, Unavailable):
        raise
    except SlurmError as error:
        log.warning("Cancelling %s: %s", job.code, error)
        return False
    return True


def cancel_extra_copy(attempt: DispatchAttempt) -> None:
    """Cancel a second copy of a job. Raises SlurmError, so that the outbox tries again."""
    job = attempt.job
    if attempt.slurm_job_id is None or attempt.slurm_job_id == job.slurm_job_id:
        return
    client, token = client_for(job.cluster), operator_token(job.cluster)
    try:
        live = client.get_job(token, attempt.slurm_job_id)
    except NotFound:
        return
    if verifies(live, attempt, job) and not live.state.is_terminal:
        client.cancel(token, attempt.slurm_job_id)
