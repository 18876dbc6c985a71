"""From each cluster's accounting to charges: every run is charged once, when it has ended."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched

import msgspec
from django.db import OperationalError, transaction
from django.db.models import Min

from allocations.ledger import services as ledger
from allocations.usage import services as usage
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.bulk import store_all
from portal.foundation.services import audit
from scheduler_bridge.accounting import settle
from scheduler_bridge.dispatch import gate, locks
from scheduler_bridge.dispatch.identity import attempt_code, verifies
from scheduler_bridge.models import AccountingCursor, DispatchAttempt, Door, Job, JobRun, SlurmAccountBinding
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import AccountingRun, NotFound
from scheduler_bridge.slurm_rest_client import JobState as SlurmState
from scheduler_bridge.transitions import ON_CLUSTER, JobState

log = logging.getLogger(__name__)

# The ledger posts at most this many at a time.
BATCH = 1000
# Read again this far back: slurmdbd learns of things late.
OVERLAP = timedelta(minutes=15)
# The longest window that is asked for at once.
SLICE_SECONDS = 24 * 3600
# The name of an allocation's Slurm account: its code and its generation.
GENERATION = re.compile(r"tq(.+)g(\d+)")


def ingest(cluster: Cluster) -> int:
    """Read what the cluster's accounting has new and charge it; returns how many runs were charged.

    Raises SlurmError where there is no clear answer; the cursor then stays where it is.
    """
    client, token = client_for(cluster), operator_token(cluster)
    diag = client.diag(token)
    locks.keep()
    start = _window_start(cluster)
    listed, is_whole = _read(cluster, int(start.timestamp()), diag.server_time + 60)
    told = _with_exit_codes(cluster, (*listed, *_unlisted(cluster, listed)))
    # The latest first: a job's run that ended is then known not to be its last.
    runs = sorted(told, key=lambda run: run.submit_time, reverse=True)
    outcomes = [_post_apart(cluster, batch) for batch in batched(runs, BATCH)]
    gate.reopen(cluster, Door.ACCOUNTING)
    # What slurmctld has yet to tell slurmdbd would come with times from before the cursor.
    told_all = diag.dbd_agent_queue_size == 0 and is_whole
    if told_all and not any(outcome.failed for outcome in outcomes):
        AccountingCursor.objects.update_or_create(
            cluster=cluster, defaults={"read_until": datetime.fromtimestamp(diag.server_time, UTC)}
        )
    return sum(outcome.charged for outcome in outcomes)


def _read(cluster: Cluster, start: int, end: int) -> tuple[list[AccountingRun], bool]:
    """The runs of a window (epoch seconds), and whether all could be read. In slices: after an outage the
    whole of it may be more than one answer can hold."""
    client, is_whole = client_for(cluster), True
    found: dict[Key, AccountingRun] = {}
    for begin in range(start, end, SLICE_SECONDS):
        until = min(begin + SLICE_SECONDS, end)
        listing = client.accounting_jobs(operator_token(cluster), cluster.slurm_name, begin, until)
        locks.keep()
        found.update({_key(run): run for run in listing})
        is_whole = is_whole and (listing.complete or not listing.odd)
    return list(found.values()), is_whole


def _unlisted(cluster: Cluster, listing: Iterable[AccountingRun]) -> Iterator[AccountingRun]:
    """Open jobs that no window shows, by id: what was held stays out of them even after its end."""
    listed = {run.job_id for run in listing}
    open_jobs = Job.objects.filter(cluster=cluster, state__in=[JobState.QUEUED, JobState.RUNNING])
    missing = [job_id for job_id in open_jobs.values_list("slurm_job_id", flat=True) if job_id not in listed]
    if missing:
        yield from client_for(cluster).accounting_by_id(
            operator_token(cluster), cluster.slurm_name, [job_id for job_id in missing if job_id]
        )


def _with_exit_codes(cluster: Cluster, told: Iterable[AccountingRun]) -> Iterator[AccountingRun]:
    """Failures whose exit code the accounting can't tell (Slurm 22.05): slurmctld holds it for minutes."""
    unknown = Job.objects.filter(cluster=cluster, state__in=ON_CLUSTER, exit_code=None)
    ids = set(unknown.values_list("slurm_job_id", flat=True))
    for run in told:
        failed = run.state == SlurmState.FAILED and run.exit.return_code is None
        yield _with_exit_code(cluster, run) if failed and run.job_id in ids else run


def _with_exit_code(cluster: Cluster, run: AccountingRun) -> AccountingRun:
    locks.keep()
    try:
        live = client_for(cluster).get_job(operator_token(cluster), run.job_id)
    except NotFound:
        return run
    same = (live.name, live.submit_time) == (run.name, run.submit_time)
    return msgspec.structs.replace(run, exit=live.exit) if same else run


def _window_start(cluster: Cluster) -> datetime:
    """The cursor less an overlap, but never later than the oldest thing that is still open."""
    cursor = AccountingCursor.objects.filter(cluster=cluster).first()
    first = SlurmAccountBinding.objects.filter(cluster=cluster).aggregate(first=Min("created_at"))["first"]
    moments = [(cursor.read_until if cursor else first or clock.now()) - OVERLAP]
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
    newly_charged: bool = False


@dataclass(frozen=True)
class Outcome:
    """How many runs are charged now, and how many couldn't be."""

    charged: int = 0
    failed: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.charged + other.charged, self.failed + other.failed)


def _post_apart(cluster: Cluster, told: Sequence[AccountingRun]) -> Outcome:
    """Post a batch; where something in it is refused, each half apart, so that it keeps no other waiting.

    Raises OperationalError (the database is busy) and LeaseLost: the next pass tries all again.
    """
    try:
        return Outcome(charged=_post(cluster, told))
    except (OperationalError, locks.LeaseLost):
        raise
    except Exception:
        if len(told) == 1:
            log.exception("Slurm job %s of %s can't be charged", told[0].job_id, cluster.code)
            return Outcome(failed=1)
    half = len(told) // 2
    return _post_apart(cluster, told[:half]) + _post_apart(cluster, told[half:])


def _post(cluster: Cluster, told: Sequence[AccountingRun]) -> int:
    with transaction.atomic():
        locks.keep()
        rows = list(_match(cluster, told))
        _keep(rows)
        fresh = [row for row in rows if row.told.is_final and row.kept.charged is None]
        ledger.charge_many(
            [settle.charge(row.kept, row.told, row.job) for row in fresh if row.told.gpu_seconds]
        )
        for row in fresh:
            row.newly_charged = True
            row.kept.charged = row.told.gpu_seconds
        usage.usage_record_many(records=[settle.usage(row.kept, row.told, row.job) for row in fresh])
        corrected = [row for row in rows if _differs(row)]
        for row in corrected:
            settle.correct(row.kept, row.told, row.job)
        store_all([row.kept for row in fresh + corrected], "charged")
        for row in rows:
            if row.job is not None:
                settle.follow(row.job, row.kept, row.told, newly_charged=row.newly_charged)
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


def _regained(cluster: Cluster, unknown: set[str]) -> dict[str, SlurmAccountBinding]:
    """Later generations of allocations that are known, opened after the backup that was restored: they are
    ours, and what runs there is paid for."""
    found = {}
    for name in unknown:
        parts = GENERATION.fullmatch(name)
        of_allocation = SlurmAccountBinding.objects.select_related("allocation").order_by("generation")
        last = parts and of_allocation.filter(cluster=cluster, allocation__code=f"alc-{parts[1]}").last()
        if parts and last and int(parts[2]) > last.generation:
            found[name] = SlurmAccountBinding.objects.create(
                allocation=last.allocation,
                cluster=cluster,
                generation=int(parts[2]),
                slurm_account=name,
                blocked=True,
            )
    return found


Key = tuple[int, int]  # Slurm job id and submit time: ids are used again


def _key(run: AccountingRun) -> Key:
    return run.job_id, run.submit_time


def _match(cluster: Cluster, told: Sequence[AccountingRun]) -> Iterator[Row]:
    """Runs that are ours, each with its kept row and its job (None: sent by sbatch).

    Ours is what runs under an allocation's Slurm account, which then pays. A job of the portal that its owner
    moved to a Slurm account of somebody else's is paid by the allocation that it was sent on.
    """
    bindings = {
        binding.slurm_account: binding
        for binding in SlurmAccountBinding.objects.select_related("allocation").filter(
            cluster=cluster, slurm_account__in={run.account for run in told}
        )
    }
    bindings |= _regained(cluster, {run.account for run in told} - bindings.keys())
    kept = {
        (run.slurm_job_id, int(run.submitted_at.timestamp())): run
        for run in JobRun.objects.select_related("allocation").filter(
            cluster=cluster, slurm_job_id__in={run.job_id for run in told}
        )
    }
    jobs = _jobs(cluster, told, kept)
    for run in told:
        job, binding = jobs.get(_key(run)), bindings.get(run.account)
        if binding and binding.adopted and run.submit_time < binding.created_at.timestamp():
            binding = None  # from before the site gave this Slurm account to the allocation
        payer = binding or job
        if payer is None:
            continue
        row = kept.get(_key(run)) or JobRun(
            cluster=cluster,
            slurm_job_id=run.job_id,
            submitted_at=datetime.fromtimestamp(run.submit_time, UTC),
        )
        row.job = job
        if row.charged is None:
            row.allocation = payer.allocation
        yield Row(run, row, job)


def _jobs(cluster: Cluster, runs: Sequence[AccountingRun], kept: dict[Key, JobRun]) -> dict[Key, Job]:
    """Jobs of the portal by run, locked: a run carries an attempt's mark, is known, or its id and name agree.

    Once known, a run stays the job's: people may rename their jobs and rub off the mark.
    """
    attempts = {
        attempt.code: attempt
        for attempt in DispatchAttempt.objects.filter(code__in={attempt_code(run) for run in runs})
    }
    wanted = {attempt.job_id for attempt in attempts.values()} | {run.job_id for run in kept.values()}
    by_id = Job.objects.filter(cluster=cluster, slurm_job_id__in={run.job_id for run in runs})
    locked = {
        job.pk: job
        for job in Job.objects.select_for_update(of=("self",))
        .select_related("cluster", "allocation")
        .filter(cluster=cluster, pk__in={*(wanted - {None}), *by_id.values_list("pk", flat=True)})
        .order_by("pk")
    }
    named = {(job.slurm_job_id, job.slurm_name, job.login): job for job in locked.values()}
    found = {}
    for run in runs:
        attempt, known = attempts.get(attempt_code(run)), kept.get(_key(run))
        job = locked.get(attempt.job_id) if attempt else None
        if job is None or attempt is None or not verifies(run, attempt, job):
            job = locked.get(known.job_id) if known and known.job_id else None
            job = job or named.get((run.job_id, run.name, run.user))
        if job is not None:
            found[_key(run)] = job
    return found


def _keep(rows: list[Row]) -> None:
    for row in rows:
        settle.copy(row.told, row.kept)
    known = [row.kept for row in rows if row.kept.pk]
    JobRun.objects.bulk_create([row.kept for row in rows if row.kept.pk is None])
    store_all(known, *settle.COPIED)
