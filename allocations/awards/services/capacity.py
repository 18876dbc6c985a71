"""Planned capacity becomes ledger capacity."""

from allocations.ledger import services as ledger
from datacenters.models import Capacity, Resource
from portal.foundation.clock import Quarter


def capacity_post(*, resource: Resource, quarter: Quarter) -> None:
    """Bring the ledger's pool to what is planned for the resource in `quarter`.

    Does nothing where they agree. Raises Refused (code `capacity_in_use`) where awards already took more.
    """
    row = Capacity.objects.get(resource=resource, quarter=str(quarter))
    ledger.capacity_set(
        resource=resource,
        quarter=quarter,
        gpu_seconds=row.gpu_seconds,
        # The moment of the change names it: the same figure may be set again after another.
        key=f"capacity:{row.pk}:{row.updated_at.timestamp()}",
        actor=None,
    )
