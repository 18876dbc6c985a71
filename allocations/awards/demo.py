"""Demonstration data of this room: the planned capacity as the ledger's. ILLUSTRATIVE."""

from contextlib import suppress

from allocations.awards.services import capacity_post
from datacenters.models import Capacity
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import Refused


def seed() -> None:
    """Bring the ledger to what is planned; does nothing where they agree."""
    ahead = Capacity.objects.filter(quarter__gte=str(Quarter.of(clock.today())))
    for row in ahead.select_related("resource"):
        # Somebody may have planned less since than is awarded; the site's page tells them.
        with suppress(Refused):
            capacity_post(resource=row.resource, quarter=Quarter.parse(row.quarter))
