"""Tasks only call services."""

from celery import shared_task

from allocations.reviews.services import reviews_sweep


@shared_task
def sweep_reviews() -> dict[str, int]:
    """Run by beat each hour."""
    return reviews_sweep()
