"""What this room does when others say that something changed."""

from typing import Any

from allocations.awards.services import capacity_follow, capacity_post, outage_follow
from datacenters.models import Outage, Resource
from portal.foundation.clock import Quarter
from portal.foundation.services import outbox


@outbox.handles("capacity_changed")
def on_capacity_changed(payload: dict[str, Any]) -> None:
    capacity_post(
        resource=Resource.objects.get(code=payload["resource"]), quarter=Quarter.parse(payload["quarter"])
    )


@outbox.handles("pool_freed")
def on_pool_freed(payload: dict[str, Any]) -> None:
    """What came back to a pool of which an outage took more than was free isn't there to be awarded again."""
    capacity_follow(resource=Resource.objects.get(code=payload["resource"]))


@outbox.handles("outage_changed")
def on_outage_changed(payload: dict[str, Any]) -> None:
    outage = Outage.objects.select_related("site", "cluster__site", "resource").get(code=payload["outage"])
    outage_follow(outage=outage, event=payload["event"])
