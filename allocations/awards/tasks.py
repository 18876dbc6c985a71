"""Tasks only call services."""

from celery import shared_task

from allocations.awards.services import allocations_sweep


@shared_task
def sweep_allocations() -> dict[str, int]:
    """Run by beat each hour."""
    return allocations_sweep()
