"""The ledger: transfers a second in batches, and holds a second that all want the same allocation."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from bench.figures import Figure
from bench.stage import database

ALLOCATIONS = 400
BATCH = 1000  # the most that ingestion posts at a time
BATCHES = 40
WRITERS = 2
THREADS = 16
HOLDS = 1600


def measure() -> Iterator[Figure]:
    with database():
        fund()
        yield Figure("ledger_transfers_per_s", batched_postings(), "1/s")
        yield Figure("ledger_hot_holds_per_s", hot_holds(), "1/s")
        verify()


def code(number: int) -> str:
    return f"alc-bench{number:04}"


def fund() -> None:
    from allocations.ledger.services import award_post, capacity_set
    from datacenters.models import Resource, Site
    from portal.foundation import clock
    from portal.foundation.clock import Quarter

    site = Site.objects.create(code="bench", name="Bench", city="Karachi", province="sindh")
    resource = Resource.objects.create(
        code="bench",
        site=site,
        name="Bench",
        gpu_model="H100",
        gres_type="h100",
        partition="gpu",
        gpu_count=8,
    )
    quarter = Quarter.of(clock.today())
    capacity_set(resource=resource, quarter=quarter, gpu_seconds=10**12, key="plan", actor=None)
    for number in range(ALLOCATIONS):
        award_post(
            resource=resource,
            allocation_code=code(number),
            portions={quarter: 10**8},
            key=f"award:{number}",
            actor=None,
        )


def batched_postings() -> float:
    """Charges by two writers, each with half of the allocations, as two sites' ingestions would."""
    with ProcessPoolExecutor(WRITERS, mp_context=get_context("spawn"), initializer=set_up) as pool:
        list(pool.map(warm_up, range(WRITERS)))
        start = time.perf_counter()
        transfers = sum(pool.map(write_batches, range(WRITERS)))
        return transfers / (time.perf_counter() - start)


def set_up() -> None:
    import django

    django.setup()


def warm_up(writer: int) -> int:
    return charge(writer, "warm")


def write_batches(writer: int) -> int:
    return sum(charge(writer, str(number)) for number in range(BATCHES // WRITERS))


def charge(writer: int, batch: str) -> int:
    """One batch of charges, spread over this writer's allocations; the number of transfers."""
    from allocations.ledger.services import Charge, charge_many

    mine = range(writer, ALLOCATIONS, WRITERS)
    charges = [
        Charge(
            allocation_code=code(mine[number % len(mine)]),
            run_key=f"bench:{writer}:{batch}:{number}",
            gpu_seconds=60,
            key=f"charge:{writer}:{batch}:{number}",
        )
        for number in range(BATCH)
    ]
    return charge_many(charges)


def hot_holds() -> float:
    """Single holds, each a transaction of its own, from 16 threads on one allocation."""
    from allocations.ledger.services import hold_place

    def place(number: int) -> None:
        hold_place(allocation_code=code(0), job_code=f"job-{number}", gpu_seconds=60, key=f"hold:{number}")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(place, range(-THREADS, 0)))  # connections
        start = time.perf_counter()
        list(pool.map(place, range(HOLDS)))
        return HOLDS / (time.perf_counter() - start)


def verify() -> None:
    """A figure counts only if the ledger adds up afterwards."""
    from allocations.ledger.verification import first_discrepancy

    if found := first_discrepancy():
        raise SystemExit(f"The ledger doesn't agree: {found}")
