"""Tasks only call services."""

from celery import shared_task

from portal.notices.services.digests import digests_make


@shared_task
def make_digests() -> int:
    """Run by beat every quarter of an hour: a beat that was away at the hour is late, and misses nothing."""
    return digests_make()
