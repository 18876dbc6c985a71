"""Tasks only call services."""

from celery import shared_task

from portal.foundation.services import heartbeat as heartbeats
from portal.foundation.services import outbox


@shared_task
def drain_outbox() -> int:
    return outbox.drain()


@shared_task(bind=True)
def heartbeat(self) -> None:  # type: ignore[no-untyped-def]
    """Sent by beat, run by a worker: one sign of life for each."""
    heartbeats.beat("beat")
    heartbeats.beat("worker")
