"""Tasks only call services."""

from celery import shared_task

from portal.people.services.lapses import lapses_remind


@shared_task
def remind_of_lapses() -> int:
    return lapses_remind()
