"""What ran: ended jobs, their runs and their charges. ILLUSTRATIVE."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import batched, count
from random import Random
from typing import NamedTuple

from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from allocations.ledger.selectors import balances_of
from allocations.ledger.services import Charge, charge_many
from allocations.projects.models import ProjectMember
from allocations.usage.models import UsageRecord
from allocations.usage.services import usage_record_many
from portal.foundation import clock
from portal.people.models import User
from scheduler_bridge.models import Job, JobRun

BATCH = 1_000
GPUS = 4
SCRIPT = "#!/bin/bash\npython train.py\n"
LOGIN = "load"


class Ran(NamedTuple):
    allocation: Allocation
    user: User
    gpu_seconds: int
    number: int


def plant(allocations: list[Allocation], random: Random) -> None:
    """Two runs an allocation: together all of one that is closed, a part of one that goes on."""
    granted = balances_of([allocation.code for allocation in allocations])
    people = {
        row.project_id: row.user
        for row in ProjectMember.objects.filter(role=ProjectMember.Role.PI).select_related("user")
    }

    def runs() -> Iterator[Ran]:
        numbers = count(1)
        for allocation in allocations:
            whole = granted[allocation.code].granted
            if allocation.state != AllocationState.CLOSED:
                whole = whole * random.randint(0, 80) // 100
            for part in (whole // 3, whole - whole // 3):
                if part:
                    yield Ran(allocation, people[allocation.project_id], part, next(numbers))

    for some in batched(runs(), BATCH):
        _write(some)


def _write(some: tuple[Ran, ...]) -> None:
    jobs = Job.objects.bulk_create(_job(ran) for ran in some)
    runs = JobRun.objects.bulk_create(
        JobRun(
            cluster=job.cluster,
            slurm_job_id=job.slurm_job_id or 0,
            submitted_at=job.queued_at or clock.now(),
            job=job,
            allocation=job.allocation,
            login=LOGIN,
            name=job.slurm_name,
            state=job.state,
            started_at=job.started_at,
            ended_at=job.ended_at,
            elapsed_seconds=job.charged // GPUS,
            gpus=GPUS,
            charged=job.charged,
        )
        for job in jobs
    )
    charge_many(
        [
            Charge(
                allocation_code=run.allocation.code,
                run_key=run.key,
                gpu_seconds=run.charged or 0,
                key=f"charge:{run.key}",
            )
            for run in runs
        ]
    )
    usage_record_many(
        records=[
            UsageRecord(
                run_key=run.key,
                allocation=run.allocation,
                user=job.submitted_by,
                login=LOGIN,
                job_code=job.code,
                started_at=run.started_at or clock.now(),
                ended_at=run.ended_at or clock.now(),
                gpus=GPUS,
                gpu_seconds=run.charged or 0,
                state=run.state,
            )
            for job, run in zip(jobs, runs, strict=True)
        ]
    )


def _job(ran: Ran) -> Job:
    """It began some days into the period and took as long as it was charged for."""
    latest = min(clock.midnight(ran.allocation.ends_on), clock.now())
    started_at = max(
        latest - timedelta(seconds=ran.gpu_seconds // GPUS), clock.midnight(ran.allocation.starts_on)
    )
    return Job(
        allocation=ran.allocation,
        cluster=ran.allocation.resource.cluster,
        submitted_by=ran.user,
        title=f"Run {ran.number:06}",
        script=SCRIPT,
        gpus=GPUS,
        cpus=GPUS * 4,
        memory_mb=GPUS * 16_000,
        wall_minutes=2_880,
        login=LOGIN,
        state="completed",
        approved_at=started_at - timedelta(minutes=20),
        queued_at=started_at - timedelta(minutes=19),
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=ran.gpu_seconds // GPUS),
        slurm_job_id=ran.number,
        exit_code=0,
        charged=ran.gpu_seconds,
    )
