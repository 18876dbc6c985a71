"""Tasks only call services."""

from celery import shared_task

from allocations.awards.services import allocations_sweep, capacities_follow, capacities_lapse
from allocations.awards.services.reminders import expiry_remind, usage_remind


@shared_task
def sweep_allocations() -> dict[str, int]:
    """Run by beat each hour."""
    return allocations_sweep()


@shared_task
def remind_of_usage() -> int:
    """Run by beat every few minutes."""
    return usage_remind()


@shared_task
def remind_of_ends() -> int:
    """Run by beat each hour of the day: a day is told as soon as it has come."""
    return expiry_remind()


@shared_task
def keep_capacity() -> dict[str, int]:
    """Run by beat each day: what outages take meanwhile, and what lapses with a quarter."""
    return {"followed": capacities_follow(), "lapsed": capacities_lapse()}
