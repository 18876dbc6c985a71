"""What this room does with the outbox."""

from typing import Any

from allocations.programme.services.waiting import waiting_serve
from datacenters.models import Resource
from portal.foundation.services.outbox import handles


@handles("pool_freed")
def serve_waiting(payload: dict[str, Any]) -> None:
    """GPU-seconds of a resource came back: whoever waits is next."""
    resource = Resource.objects.filter(code=payload["resource"]).first()
    if resource is not None:
        waiting_serve(resource=resource)
