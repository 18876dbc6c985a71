"""What the calendar brings; each task only calls services."""

from celery import shared_task

from allocations.lifecycle.services import changes_lapse, reports_plan_all


@shared_task
def lifecycle_daily() -> dict[str, int]:
    """Reports that come due, changes that nobody can decide any more. Any number of times."""
    return {
        "reports": reports_plan_all(),
        "lapsed": changes_lapse(),
    }
