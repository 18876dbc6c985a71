"""Many jobs at once, for lists and their query budgets."""

from datetime import timedelta
from typing import Any

from allocations.ledger import services as ledger
from portal.foundation import clock
from portal.people.models import User
from scheduler_bridge.models import Job
from tests.bridge_stage import SCRIPT, Stage


def plant_jobs(stage: Stage, count: int, *, by: User | None = None, **fields: Any) -> list[Job]:
    """Ended jobs as they stand in the table, past the services."""
    facts = {
        "allocation": stage.allocation,
        "cluster": stage.cluster,
        "submitted_by": by or stage.cast.pi,
        "script": SCRIPT,
        "gpus": 2,
        "cpus": 8,
        "memory_mb": 16_000,
        "wall_minutes": 10,
        "login": "upi",
        "state": "completed",
        "charged": 1200,
        "approved_at": clock.now() - timedelta(minutes=30),
        "ended_at": clock.now(),
    } | fields
    return Job.objects.bulk_create(
        Job(title=f"Job {number}", slurm_job_id=10_000 + number, **facts) for number in range(count)
    )


def hold(stage: Stage, job: Job) -> None:
    ledger.hold_place(
        allocation_code=stage.allocation.code,
        job_code=job.code,
        gpu_seconds=job.most_gpu_seconds,
        key=f"hold:{job.code}",
    )
