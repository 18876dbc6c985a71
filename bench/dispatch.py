"""Dispatch: what the portal adds to a bare submission on real Slurm; 10,000 jobs over four sandbox sites."""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench.figures import Figure
from bench.nation import Worker, fund, lab_cluster, plant_jobs, sandbox_sites, seed
from bench.stage import database, queue

if TYPE_CHECKING:
    from allocations.awards.models import Allocation
    from deploy.lab.state import LabCluster

SITE = "astrolabe-ned"
PAIRS = 5
JOBS = 500
CONNECTIONS = 4
MANY = 10_000
PATIENCE_SECONDS = 900


def measure() -> Iterator[Figure]:
    with queue(), database():
        with lab_cluster(SITE) as real:
            yield from side_by_side(real)
        with sandbox_sites():
            yield from over_four_sites()


def side_by_side(real: "LabCluster") -> Iterator[Figure]:
    """Medians of alternating rounds: 500 bare submissions, then 500 approved jobs through the portal.

    The partition is down, so that only submission counts; transport, bodies and token lifetimes are the same.
    """
    seed()
    allocation = fund(SITE)
    real.command("scontrol", "update", f"PartitionName={real.partition}", "State=DOWN")
    raw, portal = [], []
    try:
        for _ in range(PAIRS):
            raw.append(JOBS / submit_bare(allocation))
            clear(real)
            portal.append(JOBS / dispatch(allocation))
            clear(real)
    finally:
        real.command("scontrol", "update", f"PartitionName={real.partition}", "State=UP")
    yield Figure("dispatch_raw_per_s", statistics.median(raw), "1/s")
    yield Figure("dispatch_portal_per_s", statistics.median(portal), "1/s")
    ratios = [mine / bare for bare, mine in zip(raw, portal, strict=True)]
    yield Figure("dispatch_ratio", statistics.median(ratios), "")


def submit_bare(allocation: "Allocation") -> float:
    """Seconds that the same client takes to submit the same jobs with nothing around it."""
    from scheduler_bridge.dispatch.claim import claim_batch
    from scheduler_bridge.dispatch.send import spec
    from scheduler_bridge.models import Job
    from scheduler_bridge.sites.clients import client_for, signer_for

    plant_jobs(allocation, JOBS)
    cluster = allocation.resource.cluster
    assert cluster
    client = client_for(cluster)
    claims = claim_batch(cluster, limit=JOBS)
    assert len(claims) == JOBS
    signer = signer_for(cluster)
    calls = [
        (signer.mint(claim.attempt.login, int(claim.attempt.token_expires_at.timestamp()) + 60), spec(claim))
        for claim in claims
    ]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        started = time.perf_counter()
        list(pool.map(lambda call: client.submit(*call), calls))
        seconds = time.perf_counter() - started
    Job.objects.update(state="queued")  # nobody looks at them again
    return seconds


def dispatch(allocation: "Allocation") -> float:
    """Seconds from the first claim until the last job's *queued* is committed."""
    from scheduler_bridge.dispatch.loop import drain
    from scheduler_bridge.models import Job

    cluster = allocation.resource.cluster
    assert cluster
    jobs = plant_jobs(allocation, JOBS)
    started = time.perf_counter()
    drain(cluster)
    seconds = time.perf_counter() - started
    others = Job.objects.filter(pk__in=[job.pk for job in jobs]).exclude(state="queued")
    assert not others, f"not queued: {list(others.values_list('state', 'reason'))}"
    return seconds


def clear(real: "LabCluster") -> None:
    """Empty the cluster's queue, so that every round finds the same."""
    real.command("scancel", f"--partition={real.partition}")
    while real.command("squeue", "-h", "-o", "%i").stdout.strip():
        time.sleep(0.2)


def over_four_sites() -> Iterator[Figure]:
    """10,000 approved jobs, 2,500 a site, sent by one real Celery worker."""
    from scheduler_bridge.models import DispatchAttempt, Job

    seed()
    sites = ("data-vault", "astrolabe-ned", "astrolabe-uet", "higgs")
    jobs = [job.pk for site in sites for job in plant_jobs(fund(site), MANY // len(sites))]
    with Worker() as worker:
        for site in sites:
            worker.wake(site)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (queued := Job.objects.filter(pk__gte=jobs[0], state="queued").count()) < MANY:
            if time.monotonic() > deadline:
                raise SystemExit(f"{queued} of {MANY} jobs were queued after {PATIENCE_SECONDS} s")
            time.sleep(0.2)
        peak = worker.peak_megabytes
    attempts = DispatchAttempt.objects.filter(job__in=jobs).values_list("created_at", "job__queued_at")
    assert len(attempts) == MANY, f"{len(attempts)} attempts for {MANY} jobs"
    first, last = min(claimed for claimed, _ in attempts), max(queued for _, queued in attempts)
    waits = sorted((queued - claimed).total_seconds() for claimed, queued in attempts)
    yield Figure("dispatch_10k_s", (last - first).total_seconds(), "s")
    yield Figure("dispatch_10k_rss_mb", peak, "MB")
    yield Figure("dispatch_p99_s", waits[int(len(waits) * 0.99)], "s")
