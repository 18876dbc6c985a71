"""From each cluster's accounting to charges: every run is charged once, when it has ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched

from django.db import transaction
from django.db.models import Min

from allocations.ledger import services as ledger
from allocations.usage import services as usage
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.services import audit
from scheduler_bridge.accounting import settle
from scheduler_bridge.dispatch.identity import attempt_code, verifies
from scheduler_bridge.models import AccountingCursor, DispatchAttempt, Job, JobRun, SlurmAccountBinding
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import AccountingRun, Listing
from scheduler_bridge.transitions import ON_CLUSTER, JobState

# The ledger posts at most this many at a time.
BATCH = 1000
# Read again this far back: slurmdbd learns of things late.
OVERLAP = timedelta(minutes=15)


def ingest(cluster: Cluster) -> int:
    """Read what the cluster's accounting has new and charge it; returns how many runs were charged.

    Raises SlurmError where there is no clear answer; the cursor then stays where it is.
    """
    client, token = client_for(cluster), operator_token(cluster)
    server_time = client.diag(token).server_time
    start = _window_start(cluster)
    listing = client.accounting_jobs(token, cluster.slurm_name, int(start.timestamp()), server_time + 60)
    runs = (*listing, *_unlisted(cluster, listing))
    charged = sum(_post(cluster, batch) for batch in batched(runs, BATCH))
    if listing.complete or not listing.odd:
        AccountingCursor.objects.update_or_create(
            cluster=cluster, defaults={"read_until": datetime.fromtimestamp(server_time, UTC)}
        )
    return charged


def _unlisted(cluster: Cluster, listing: Listing[AccountingRun]) -> Iterator[AccountingRun]:
    """Open jobs that no window shows, by id: what was held stays out of them even after its end."""
    listed = {run.job_id for run in listing}
    open_jobs = Job.objects.filter(cluster=cluster, state__in=[JobState.QUEUED, JobState.RUNNING])
    missing = [job_id for job_id in open_jobs.values_list("slurm_job_id", flat=True) if job_id not in listed]
    if missing:
        yield from client_for(cluster).accounting_by_id(
            operator_token(cluster), cluster.slurm_name, [job_id for job_id in missing if job_id]
        )


def _window_start(cluster: Cluster) -> datetime:
    """The cursor less an overlap, but never later than the oldest thing that is still open."""
    cursor = AccountingCursor.objects.filter(cluster=cluster).first()
    moments = [cursor.read_until - OVERLAP if cursor else clock.now() - timedelta(days=35)]
    open_jobs = Job.objects.filter(cluster=cluster, state__in=ON_CLUSTER)
    open_runs = JobRun.objects.filter(cluster=cluster, charged__isnull=True)
    for oldest in (
        open_jobs.aggregate(oldest=Min("approved_at"))["oldest"],
        open_runs.aggregate(oldest=Min("submitted_at"))["oldest"],
    ):
        moments += [oldest - OVERLAP] if oldest else []
    return min(moments)


@dataclass
class Row:
    """One run of the listing, and what the portal knows of it."""

    told: AccountingRun
    kept: JobRun
    job: Job | None


def _post(cluster: Cluster, told: Iterable[AccountingRun]) -> int:
    with transaction.atomic():
        rows = list(_match(cluster, list(told)))
        _keep(rows)
        fresh = [row for row in rows if row.told.is_final and row.kept.charged is None]
        ledger.charge_many(
            [settle.charge(row.kept, row.told, row.job) for row in fresh if row.told.gpu_seconds]
        )
        for row in fresh:
            row.kept.charged = row.told.gpu_seconds
        usage.usage_record_many(records=[settle.usage(row.kept, row.told, row.job) for row in fresh])
        corrected = [row for row in rows if _differs(row)]
        for row in corrected:
            settle.correct(row.kept, row.told)
        JobRun.objects.bulk_update([row.kept for row in fresh + corrected], ["charged"])
        for row in rows:
            if row.job is not None:
                settle.follow(row.job, row.kept, row.told, newly_charged=row in fresh)
        if fresh or corrected:
            audit.record(
                actor=None,
                action="usage_ingest",
                target=cluster,
                after={"runs": len(fresh), "corrected": len(corrected)},
            )
    return len(fresh)


def _differs(row: Row) -> bool:
    """Charged before, but the accounting now says something else."""
    return row.told.is_final and row.kept.charged is not None and row.kept.charged != row.told.gpu_seconds


def _match(cluster: Cluster, told: list[AccountingRun]) -> Iterator[Row]:
    """Runs under Slurm accounts that are ours, each with its kept row and its job (None: sent by sbatch)."""
    bindings = {
        binding.slurm_account: binding
        for binding in SlurmAccountBinding.objects.filter(
            cluster=cluster, slurm_account__in={run.account for run in told}
        )
    }
    ours = [run for run in told if run.account in bindings]
    jobs = _jobs(cluster, ours)
    kept = {
        (run.slurm_job_id, int(run.submitted_at.timestamp())): run
        for run in JobRun.objects.filter(cluster=cluster, slurm_job_id__in={run.job_id for run in ours})
    }
    for run in ours:
        row = kept.get((run.job_id, run.submit_time)) or JobRun(
            cluster=cluster,
            slurm_job_id=run.job_id,
            submitted_at=datetime.fromtimestamp(run.submit_time, UTC),
            allocation_id=bindings[run.account].allocation_id,
        )
        job = jobs.get(run.job_id)
        row.job = job
        yield Row(run, row, job)


def _jobs(cluster: Cluster, runs: list[AccountingRun]) -> dict[int, Job]:
    """Jobs of the portal by Slurm job id: a run carries an attempt's mark, or its id and name agree."""
    locked = {
        job.pk: job
        for job in Job.objects.select_for_update(of=("self",))
        .select_related("cluster")
        .filter(cluster=cluster, pk__in=_candidates(cluster, runs))
        .order_by("pk")
    }
    attempts = {
        attempt.code: attempt
        for attempt in DispatchAttempt.objects.filter(code__in={attempt_code(run) for run in runs})
    }
    by_id_and_name = {(job.slurm_job_id, job.slurm_name): job for job in locked.values()}
    found = {}
    for run in runs:
        attempt = attempts.get(attempt_code(run))
        job = locked.get(attempt.job_id) if attempt else None
        if job is None or attempt is None or not verifies(run, attempt, job):
            job = by_id_and_name.get((run.job_id, run.name))
        if job is not None:
            found[run.job_id] = job
    return found


def _candidates(cluster: Cluster, runs: list[AccountingRun]) -> set[int]:
    marked = DispatchAttempt.objects.filter(code__in={attempt_code(run) for run in runs})
    known = Job.objects.filter(cluster=cluster, slurm_job_id__in={run.job_id for run in runs})
    return {*marked.values_list("job_id", flat=True), *known.values_list("pk", flat=True)}


def _keep(rows: list[Row]) -> None:
    for row in rows:
        settle.copy(row.told, row.kept)
    JobRun.objects.bulk_create([row.kept for row in rows if row.kept.pk is None])
    JobRun.objects.bulk_update([row.kept for row in rows], settle.COPIED)
