"""Whose job is this? A job id alone proves nothing: ids are used again after a controller's loss."""

import hmac

from django.conf import settings

from scheduler_bridge.models import DispatchAttempt, Job
from scheduler_bridge.sites.clients import marker
from scheduler_bridge.slurm_rest_client import AccountingRun, LiveJob

Sighting = LiveJob | AccountingRun


def attempt_code(sighting: Sighting) -> str:
    """The attempt that the job's comment names, verified or not; empty if it names none."""
    parts = sighting.comment.split(":")
    return parts[1] if len(parts) == 3 and parts[0] == "tq" else ""


def verifies(sighting: Sighting, attempt: DispatchAttempt, job: Job) -> bool:
    """Whether this is what `attempt` sent: its comment's HMAC, its user and its Slurm account agree.

    The name isn't asked: people may rename a pending job.
    """
    return sighting.user == attempt.login and any(
        hmac.compare_digest(sighting.comment.encode(), _marker(attempt, job, str(secret)).encode())
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def _marker(attempt: DispatchAttempt, job: Job, secret: str) -> str:
    return marker(
        attempt=attempt.code,
        cluster=job.cluster.slurm_name,
        login=attempt.login,
        slurm_account=attempt.slurm_account,
        name=job.slurm_name,
        secret=secret,
    )


def is_job(sighting: Sighting, job: Job) -> bool:
    """Whether a sighting under the job's id is the job: user agrees, and name or comment."""
    ours = sighting.name == job.slurm_name or any(
        verifies(sighting, attempt, job) for attempt in job.attempts.all()
    )
    return ours and sighting.user == job.login
