"""Taking approved jobs for sending: under a lease, fairly between projects, attempt on record first."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from allocations.awards.models import Allocation
from allocations.awards.transitions import ENDED, AllocationState
from allocations.ledger import services as ledger
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.bulk import store_all
from portal.foundation.services import audit, outbox
from scheduler_bridge.models import DispatchAttempt, Job, SiteLogin, SlurmAccountBinding
from scheduler_bridge.transitions import JobState, LoginState

# How long after its token's expiry a silent sender is taken for dead.
LEASE_MARGIN = timedelta(seconds=15)
# Before a job that can't go yet is looked at again.
NOT_YET = timedelta(seconds=5)


@dataclass(frozen=True)
class Claim:
    """A job and the attempt that this worker, and no other, may send."""

    job: Job
    attempt: DispatchAttempt


def claim_batch(cluster: Cluster, *, limit: int) -> list[Claim]:
    """Take up to `limit` jobs of this cluster, committing an attempt for each before anything is sent.

    Projects take turns: each one's first waiting job goes before anybody's second. Jobs that can't go now
    are put off, and hide none of those behind them.
    """
    claims, looked_at = _claim(cluster, limit)
    while looked_at and not claims:
        claims, looked_at = _claim(cluster, limit)
    return claims


def _claim(cluster: Cluster, limit: int) -> tuple[list[Claim], int]:
    """The claims among the next `limit` jobs, and how many were looked at."""
    with transaction.atomic():
        jobs = list(
            Job.objects.select_for_update(skip_locked=True)
            .filter(pk__in=_in_turn(cluster, limit), state=JobState.APPROVED)
            .order_by("pk")
        )
        _attach(jobs, cluster)
        bindings = {
            binding.allocation_id: binding
            for binding in SlurmAccountBinding.objects.filter(
                allocation__in={job.allocation_id for job in jobs}, blocked=False
            ).order_by("generation")
        }
        rightful = _rightful(jobs)
        claims = [
            Claim(job, _attempt(job, bindings[job.allocation_id]))
            for job in jobs
            if _may_go(job, bindings.get(job.allocation_id), rightful)
        ]
        DispatchAttempt.objects.bulk_create([claim.attempt for claim in claims])
        store_all(jobs, "state", "reason", "lease_until", "slurm_account", "not_before", "ended_at")
    return claims, len(jobs)


def _in_turn(cluster: Cluster, limit: int) -> list[int]:
    waiting = (
        Job.objects.filter(cluster=cluster, state=JobState.APPROVED)
        .filter(Q(not_before=None) | Q(not_before__lte=clock.now()))
        .annotate(
            turn=Window(RowNumber(), partition_by=F("allocation__project_id"), order_by=["approved_at", "id"])
        )
        .order_by("turn", "approved_at", "id")
    )
    return list(waiting.values_list("pk", flat=True)[:limit])


def _attach(jobs: list[Job], cluster: Cluster) -> None:
    """Jobs of one allocation share it: joined to each row, it would be read and built a hundred times."""
    allocations = (
        Allocation.objects.select_related("project", "resource__site")
        .prefetch_related("resource__site__accreditations")
        .in_bulk({job.allocation_id for job in jobs})
    )
    for job in jobs:
        job.allocation, job.cluster = allocations[job.allocation_id], cluster


Right = tuple[int, int, str]  # a person in a project, as a login


def _rightful(jobs: list[Job]) -> set[Right]:
    """Who may send for which project under which login now: links and memberships end while jobs wait."""
    links = SiteLogin.objects.filter(
        user__in={job.submitted_by_id for job in jobs},
        user__is_active=True,
        user__project_roles__project__in={job.allocation.project_id for job in jobs},
        site__in={job.cluster.site_id for job in jobs},
        state=LoginState.CONFIRMED,
    )
    return set(links.values_list("user", "user__project_roles__project", "login"))


def _may_go(job: Job, binding: SlurmAccountBinding | None, rightful: set[Right]) -> bool:
    """Whether the job may be sent now; if never, or not yet, the job is told why."""
    if job.cancel_requested_at:
        _end(job, "cancel", reason="")
        return False
    resource, project = job.allocation.resource, job.allocation.project
    if not resource.site.holds(project.data_class):
        _end(job, "refuse", reason="This site may no longer hold data of the project's class.")
        return False
    if job.allocation.state in ENDED:
        _end(job, "refuse", reason="The allocation has ended.")
        return False
    if (job.submitted_by_id, project.pk, job.login) not in rightful:
        _end(job, "refuse", reason="Its sender has left the project, or has another login at the site now.")
        return False
    if job.allocation.state != AllocationState.ACTIVE:
        _wait(job, reason="The allocation isn't active.")
        return False
    if binding is None:
        _wait(job, reason="The allocation's limit is being changed at the site.")
        return False
    if job.login not in binding.logins:
        _wait(job, reason="The site login is being added to the allocation's Slurm account.")
        return False
    job.move("claim")
    job.slurm_account = binding.slurm_account
    job.reason = ""
    return True


def _end(job: Job, action: str, *, reason: str) -> None:
    job.move(action)
    job.reason = reason
    job.ended_at = clock.now()
    ledger.hold_release(job_code=job.code, key=f"release:{job.code}")
    audit.record(actor=None, action=f"job_{action}", target=job, after={"state": job.state}, reason=reason)
    outbox.enqueue(topic="job_ended", payload={"job": job.code})


def _wait(job: Job, *, reason: str) -> None:
    job.reason = reason
    job.not_before = clock.now() + NOT_YET


def _attempt(job: Job, binding: SlurmAccountBinding) -> DispatchAttempt:
    # Whole seconds: the token carries no fractions, and the fence must be the same on both sides.
    expires = clock.now().replace(microsecond=0) + timedelta(seconds=settings.DISPATCH_TOKEN_SECONDS)
    job.lease_until = expires + LEASE_MARGIN
    return DispatchAttempt(
        job=job, login=job.login, slurm_account=binding.slurm_account, token_expires_at=expires
    )
