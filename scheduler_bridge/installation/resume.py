"""Back to work after a restore: look every open job up on its cluster, and take in what is found there.

The clusters remember what the database has forgotten: each job carries a mark that only this installation's
key can have made, so a copy whose attempt the database doesn't know is still known to be a certain job's.
"""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q, QuerySet

from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.services import audit
from scheduler_bridge.dispatch.cancel import note_extra
from scheduler_bridge.dispatch.gate import words
from scheduler_bridge.dispatch.identity import Sighting, attempt_code, sent_for
from scheduler_bridge.dispatch.lookup import Look, look_at
from scheduler_bridge.installation import epoch
from scheduler_bridge.models import DispatchAttempt, Installation, Job, SendingStop
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import SlurmError
from scheduler_bridge.transitions import ON_CLUSTER, AttemptOutcome, JobState

# Jobs that may be on their cluster, in whichever state the database has them.
OPEN = [JobState.AWAITING_APPROVAL, JobState.APPROVED, *ON_CLUSTER]
# How much longer than a token's life a cluster's clock may take to pass its end.
CLOCK_PATIENCE = timedelta(minutes=1)

Tell = Callable[[str], object]


class CannotResume(Exception):
    """Nothing was let go on; the text names the cluster and says what to do."""


def resume(*, without: Iterable[Cluster] = (), tell: Tell = lambda _: None) -> None:
    """Let a restored database go back to work: two complete looks at every cluster, then a new epoch.

    Clusters in `without` aren't looked at and stay off until a later call has done it. Where the epoch fits
    already, only what an earlier call left out is looked at. Takes about a minute. Raises CannotResume.
    """
    if (row := Installation.objects.first()) and row.name != settings.INSTALLATION:
        raise CannotResume(
            f"{epoch.problem()} Set TAQSEEM_INSTALLATION={row.name}, or give this copy its own sites."
        )
    problem = epoch.problem()
    left_out = {cluster.pk for cluster in without}
    clusters = [cluster for cluster in _to_look_at(everything=bool(problem)) if cluster.pk not in left_out]
    if not problem and not clusters:
        tell("Nothing to do: the database is this environment's own.")
        return
    started = clock.now()
    for pause in (0.0, float(settings.MISS_INTERVAL_SECONDS)):
        time.sleep(pause)
        for cluster in clusters:
            tell(f"{cluster.code}: {_look(cluster, fence=started)}")
    _go_on(clusters, left_out, problem)
    tell("Looked everywhere. " + ("A new epoch has begun; work goes on." if problem else "Work goes on."))


def _to_look_at(*, everything: bool) -> list[Cluster]:
    may_hold_jobs = Q(is_enabled=True) | Q(jobs__state__in=OPEN)
    chosen = may_hold_jobs if everything else Q(stop__needs_look=True)
    return list(Cluster.objects.filter(chosen).distinct().order_by("code"))


def _look(cluster: Cluster, *, fence: datetime) -> str:
    """One complete look, after everything that was on its way has landed; tells what came of it."""
    jobs = _open_jobs(cluster)
    oldest = jobs.aggregate(oldest=Min("created_at"))["oldest"]
    if oldest is None:
        return "no open jobs"
    try:
        _wait_for_clock(cluster, fence + timedelta(seconds=settings.DISPATCH_TOKEN_SECONDS))
        look = look_at(cluster, since=oldest)
    except (SlurmError, OSError) as error:
        raise CannotResume(_refusal(cluster, words(error))) from error
    if not look.complete:
        raise CannotResume(_refusal(cluster, "its answer wasn't complete."))
    known = sum(_take_in(job.pk, look) for job in jobs)
    return (
        f"{jobs.count()} open jobs, {known} of them taken in; {_strangers(look)} copies of jobs unknown here"
    )


def _refusal(cluster: Cluster, why: str) -> str:
    return (
        f"{cluster.code} can't be looked at, so nothing is sent anywhere: {why} Mend it and try again, or "
        f"leave it switched off with --without {cluster.code}."
    )


def _open_jobs(cluster: Cluster) -> QuerySet[Job]:
    return Job.objects.filter(cluster=cluster, state__in=OPEN).defer("script").order_by("pk")


def _wait_for_clock(cluster: Cluster, moment: datetime) -> None:
    """Wait until the cluster refuses every token that may have been under way. Raises CannotResume."""
    give_up = clock.now() + timedelta(seconds=settings.DISPATCH_TOKEN_SECONDS) + CLOCK_PATIENCE
    while client_for(cluster).diag(operator_token(cluster)).server_time <= moment.timestamp():
        if clock.now() > give_up:
            raise CannotResume(_refusal(cluster, "its clock is far behind."))
        time.sleep(0.5)


def _take_in(job_id: int, look: Look) -> bool:
    """Bring one job to what was found of it; whether that was anything new."""
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(of=("self",))
            .select_related("cluster", "allocation")
            .prefetch_related("allocation__bindings")
            .get(pk=job_id)
        )
        copies = dict(_copies(job, look))
        if job.state not in OPEN or not copies or job.slurm_job_id in copies:
            return False
        kept, *extra = sorted(copies)
        for slurm_job_id in extra:
            if attempt := copies[slurm_job_id]:
                note_extra(attempt, slurm_job_id)
        _move(job, kept)
    return True


def _copies(job: Job, look: Look) -> Iterable[tuple[int, DispatchAttempt | None]]:
    """What the cluster has of the job, by Slurm's id, with its attempt, made anew where it was forgotten."""
    for sighting in look.seen:
        account = sent_for(sighting, job)
        if account is not None:
            yield sighting.job_id, _attempt(job, sighting, account)
        elif (sighting.name, sighting.user) == (job.slurm_name, job.login):
            yield sighting.job_id, None  # its owner rubbed the mark off


def _attempt(job: Job, sighting: Sighting, slurm_account: str) -> DispatchAttempt:
    attempt, _ = DispatchAttempt.objects.update_or_create(
        code=attempt_code(sighting),
        defaults={"outcome": AttemptOutcome.FOUND, "slurm_job_id": sighting.job_id},
        create_defaults={
            "job": job,
            "login": sighting.user,
            "slurm_account": slurm_account,
            "token_expires_at": clock.now(),
            "outcome": AttemptOutcome.FOUND,
            "slurm_job_id": sighting.job_id,
            "answer": "Found after the database was restored.",
        },
    )
    return attempt


def _move(job: Job, slurm_job_id: int) -> None:
    if job.state in {JobState.AWAITING_APPROVAL, JobState.APPROVED}:
        job.move("adopt")
    elif job.state in {JobState.DISPATCHING, JobState.UNCERTAIN}:
        job.move("accept")
    job.slurm_job_id = slurm_job_id
    job.approved_at = job.approved_at or clock.now()
    job.queued_at = job.queued_at or clock.now()
    job.uncertain_since = job.first_miss_at = job.lease_until = None
    job.reason = ""
    job.store(
        "state", "slurm_job_id", "approved_at", "queued_at", "uncertain_since", "first_miss_at",
        "lease_until", "reason",
    )  # fmt: skip
    audit.record(actor=None, action="job_found", target=job, after={"slurm_job_id": slurm_job_id})


def _strangers(look: Look) -> int:
    """Jobs sent after the backup that the database has never heard of. They run on, and are charged to their
    allocation like any other work under its Slurm account."""
    prefix = f"tq-{settings.INSTALLATION}-"
    names = {sighting.name for sighting in look.seen if sighting.name.startswith(prefix)}
    codes = {f"job-{name.removeprefix(prefix)}" for name in names}
    return len(codes) - Job.objects.filter(code__in=codes).count()


def _go_on(clusters: list[Cluster], left_out: set[int], problem: str) -> None:
    with transaction.atomic():
        SendingStop.objects.filter(cluster__in=clusters, needs_look=True).delete()
        for pk in left_out:
            SendingStop.objects.update_or_create(
                cluster_id=pk,
                defaults={"needs_look": True},
                create_defaults={"needs_look": True, "reason": "Left out of resume_dispatch."},
            )
        for cluster in clusters:
            audit.record(actor=None, action="dispatch_resume", target=cluster, reason=problem)
    if problem:
        epoch.renew()
