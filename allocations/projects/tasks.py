"""Tasks only call services."""

from celery import shared_task

from allocations.projects.services import classrooms_sweep


@shared_task
def end_classrooms() -> int:
    """Run by beat each hour."""
    return classrooms_sweep()
