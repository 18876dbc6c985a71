"""Tasks only call services."""

from celery import shared_task

from allocations.programme.services import steps_sweep
from allocations.programme.services.waiting import waiting_serve, waiting_sweep
from datacenters.models import Resource


@shared_task
def sweep_steps() -> dict[str, int]:
    """Run by beat each minute."""
    return steps_sweep()


@shared_task
def serve_resource(code: str) -> int:
    """Run when GPU-seconds of the resource came free."""
    return waiting_serve(resource=Resource.objects.get(code=code))


@shared_task
def serve_waiting() -> int:
    """Run by beat each hour: a new quarter's capacity comes without anybody giving anything back."""
    return waiting_sweep()
