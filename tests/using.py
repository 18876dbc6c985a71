"""Allocations that runs used, charged by the services that charge them in life."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from allocations.awards.models import Allocation
from allocations.awards.services import award_make
from allocations.ledger import services as ledger
from allocations.projects.models import Project
from allocations.usage import services as usage
from allocations.usage.models import UsageRecord
from datacenters.models import Resource
from portal.foundation import clock
from portal.people.models import User
from tests.requesting import HOUR, fund

_numbers = count(1)
NOON = datetime(2026, 11, 10, 7, tzinfo=UTC)  # in Pakistan


def allocated(project: Project, resource: Resource, *, by: User, gpu_hours: int = 100) -> Allocation:
    """A funded allocation, from today on."""
    fund(resource)
    today = clock.today()
    award = award_make(
        actor=by,
        project=project,
        resource=resource,
        gpu_seconds=gpu_hours * HOUR,
        starts_on=today,
        ends_on=today + timedelta(days=9),
    )
    return award.allocation


def run(
    allocation: Allocation,
    *,
    key: str = "",
    user: User | None = None,
    ended_at: datetime = NOON,
    seconds: int = 100,
    gpus: int = 1,
    gpu_seconds: int | None = None,
    save: bool = True,
) -> UsageRecord:
    """A run's usage alone, without a charge."""
    facts: dict[str, Any] = {
        "run_key": key or f"run:{next(_numbers)}",
        "allocation": allocation,
        "user": user,
        "login": "someone",
        "job_code": "",
        "started_at": ended_at - timedelta(seconds=seconds),
        "ended_at": ended_at,
        "gpus": gpus,
        "gpu_seconds": seconds * gpus if gpu_seconds is None else gpu_seconds,
        "state": "completed",
    }
    return usage.usage_record(**facts) if save else UsageRecord(**facts)


def charged(allocation: Allocation, **facts: Any) -> UsageRecord:
    """A run's usage and its charge, as ingestion writes them."""
    record = run(allocation, **facts)
    ledger.charge_post(
        allocation_code=allocation.code,
        run_key=record.run_key,
        gpu_seconds=record.gpu_seconds,
        job_code=None,
        key=f"charge:{record.run_key}",
    )
    return record
