"""Sending one claimed job, and reading the answer for what it proves."""

import logging
from dataclasses import dataclass

from portal.foundation import clock
from scheduler_bridge.dispatch.claim import Claim
from scheduler_bridge.jobs.reasons import lines
from scheduler_bridge.sites.clients import client_for, marker, signer_for
from scheduler_bridge.slurm_rest_client import (
    AuthRejected,
    JobSpec,
    NeverSent,
    Refused,
    SlurmError,
    Unavailable,
    VersionUnsupported,
)
from scheduler_bridge.transitions import AttemptOutcome

log = logging.getLogger(__name__)

# Slurm's refusal where MaxSubmitJobs is reached.
NO_MORE_JOBS = 2050


@dataclass(frozen=True)
class Answer:
    """What one POST came to. `shuts_gate`: the cluster itself is in trouble, not this job. `is_full`: the
    Slurm account takes no more jobs just now."""

    claim: Claim
    outcome: AttemptOutcome
    text: str = ""
    slurm_job_id: int | None = None
    shuts_gate: bool = False
    is_full: bool = False


def send(claim: Claim) -> Answer:
    """POST the job with a token that dies at the attempt's fence. Never raises for what Slurm answers."""
    attempt, job = claim.attempt, claim.job
    if clock.now() >= attempt.token_expires_at:
        return Answer(claim, AttemptOutcome.NOT_SENT, "The attempt's time had passed before it was sent.")
    try:
        token = signer_for(job.cluster).mint(attempt.login, int(attempt.token_expires_at.timestamp()))
    except (OSError, ValueError):
        log.exception("No token for %s can be signed", job.cluster.code)
        text = "No token could be signed: the portal's operators are needed."
        return Answer(claim, AttemptOutcome.NOT_SENT, text, shuts_gate=True)
    try:
        reply = client_for(job.cluster, lane="send").submit(token, spec(claim))
    except Refused as error:
        # The Slurm account takes none just now: it was suspended, or left for its next generation, while the
        # job was on its way; or the site limits how many one may have. Later it may go.
        is_full = error.code == NO_MORE_JOBS
        outcome = AttemptOutcome.NOT_SENT if is_full else AttemptOutcome.REFUSED
        return Answer(claim, outcome, lines(error, words=error.reason), is_full=is_full)
    except (NeverSent, AuthRejected, Unavailable, VersionUnsupported) as error:
        return Answer(claim, AttemptOutcome.NOT_SENT, lines(error, words=error.reason), shuts_gate=True)
    except SlurmError as error:
        return Answer(claim, AttemptOutcome.UNCLEAR, lines(error, words=error.reason), shuts_gate=True)
    return Answer(claim, AttemptOutcome.ACCEPTED, "; ".join(reply.warnings), reply.job_id)


def spec(claim: Claim) -> JobSpec:
    """The job as Slurm gets it: user, Slurm account, partition come from the allocation, not the form."""
    job, attempt, resource = claim.job, claim.attempt, claim.job.allocation.resource
    return JobSpec(
        name=job.slurm_name,
        account=attempt.slurm_account,
        partition=resource.partition,
        cwd=job.home,
        script=job.script,
        time_limit_minutes=job.wall_minutes,
        environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": job.home, "TAQSEEM_JOB": job.code},
        gpus=job.gpus,
        gpu_type=resource.gres_type,
        cpus_per_task=job.cpus,
        memory_mb=job.memory_mb,
        comment=comment(claim),
        stdout=f"{job.output}.out",
        stderr=f"{job.output}.err",
    )


def comment(claim: Claim) -> str:
    job, attempt = claim.job, claim.attempt
    return marker(
        attempt=attempt.code,
        cluster=job.cluster.slurm_name,
        login=attempt.login,
        slurm_account=attempt.slurm_account,
        name=job.slurm_name,
    )
