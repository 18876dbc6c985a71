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
    """Whether this is what `attempt` sent: its comment's HMAC and its user agree.

    Neither its name is asked nor its Slurm account: people may rename a pending job, and it moves on with the
    generations of its allocation.
    """
    return sighting.user == attempt.login and _is_marked(sighting, attempt.code, attempt.slurm_account, job)


def sent_for(sighting: Sighting, job: Job) -> str | None:
    """The Slurm account that a copy of this job was sent to, by whichever attempt, also by one that the
    database doesn't know (any more); None where it is no copy of it."""
    code = attempt_code(sighting)
    if not code or sighting.user != job.login:
        return None
    bound = (binding.slurm_account for binding in job.allocation.bindings.all())
    return next((name for name in {sighting.account, *bound} if _is_marked(sighting, code, name, job)), None)


def _is_marked(sighting: Sighting, attempt: str, slurm_account: str, job: Job) -> bool:
    """Whether the comment is what this installation writes: with its key, or one that it had before."""
    return any(
        hmac.compare_digest(
            sighting.comment.encode(),
            marker(
                attempt=attempt,
                cluster=job.cluster.slurm_name,
                login=sighting.user,
                slurm_account=slurm_account,
                name=job.slurm_name,
                secret=str(secret),
            ).encode(),
        )
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


def is_job(sighting: Sighting, job: Job) -> bool:
    """Whether a sighting under the job's id is the job: user agrees, and name or comment."""
    ours = sighting.name == job.slurm_name or any(
        verifies(sighting, attempt, job) for attempt in job.attempts.all()
    )
    return ours and sighting.user == job.login
