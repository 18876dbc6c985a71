"""A job's size as people give it, what they leave out filled in, and what it would cost."""

from dataclasses import dataclass
from typing import Any

from allocations.awards.models import Allocation
from datacenters.models import Resource
from portal.foundation.errors import DomainError
from scheduler_bridge.jobs.services import job_cost
from scheduler_bridge.jobs.services.submit import Cost
from scheduler_bridge.jobs.use import check_cap
from scheduler_bridge.placement.rules import Size, check_data, check_size

USUAL_CPUS_PER_GPU = 8


def size_for(
    resource: Resource, *, gpus: int, wall_minutes: int, cpus: int | None = None, memory_mb: int | None = None
) -> Size:
    """CPUs and memory (MB on each node), where left out, become the share that belongs to the GPUs."""
    gpus_on_a_node = min(gpus, resource.gpus_per_node)
    return Size(
        gpus=gpus,
        cpus=gpus * min(USUAL_CPUS_PER_GPU, resource.max_cpus_per_gpu) if cpus is None else cpus,
        memory_mb=gpus_on_a_node * resource.max_memory_mb_per_gpu if memory_mb is None else memory_mb,
        wall_minutes=wall_minutes,
    )


@dataclass(frozen=True)
class Estimate:
    """What a job would cost, and what stands in its way now, if anything."""

    allocation: Allocation
    size: Size
    cost: Cost
    refusal: DomainError | None


def estimate(actor: Any, allocation: Allocation, size: Size) -> Estimate:
    """The cost of a job, whether or not `actor` may send it."""
    refusal: DomainError | None = None
    try:
        check_data(allocation)
        check_size(allocation.resource, size)
        check_cap(actor, allocation, size.most_gpu_seconds)
    except DomainError as error:
        refusal = error
    return Estimate(allocation, size, job_cost(allocation=allocation, size=size), refusal)
