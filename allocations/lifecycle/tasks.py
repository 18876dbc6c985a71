"""What the calendar brings; each task only calls services."""

from celery import shared_task

from allocations.lifecycle.services import changes_lapse, reports_plan_all
from allocations.lifecycle.services.reclaim import reclaim_run


@shared_task
def lifecycle_daily() -> dict[str, int]:
    """Reports that come due, changes that nobody can decide any more. Any number of times."""
    return {
        "reports": reports_plan_all(),
        "lapsed": changes_lapse(),
    }


@shared_task
def reclaim_nightly() -> dict[str, int]:
    """Warn of unused GPU-hours, and take back what stayed unused. Any number of times."""
    return reclaim_run()
