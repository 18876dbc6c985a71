"""What this room does when others say that something changed."""

from typing import Any

from allocations.awards.models import Allocation
from allocations.lifecycle.services import reports_plan
from portal.foundation.services import outbox


@outbox.handles("allocation_provision")
def on_allocation_changed(payload: dict[str, Any]) -> None:
    """Awarded, extended or ended: other reports may be due."""
    allocation = Allocation.objects.filter(code=payload["allocation"]).first()
    if allocation is not None:
        reports_plan(allocation=allocation)
