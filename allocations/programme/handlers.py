"""What this room does with the outbox."""

from typing import Any

from allocations.programme.models import WaitingEntry
from allocations.programme.tasks import serve_resource
from portal.foundation.services.outbox import handles


@handles("pool_freed")
def serve_waiting(payload: dict[str, Any]) -> None:
    """GPU-seconds of a resource are free: whoever waits is next.

    By a task: a message is handled in one transaction, and each place on the list is one of its own. Where
    the queue can't be reached the message is tried again.
    """
    code = payload["resource"]
    if WaitingEntry.objects.filter(resource__code=code, state=WaitingEntry.State.WAITING).exists():
        serve_resource.apply_async(args=(code,), retry=False)
