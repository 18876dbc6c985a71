"""What this room does with the outbox."""

from typing import Any

from allocations.projects.models import Asked, HandOver, ProjectInvitation, ProjectLink
from portal.foundation import clock
from portal.foundation.services.outbox import handles


@handles("user_deactivated")
def end_what_they_offered(payload: dict[str, Any]) -> None:
    """Nobody comes in by the word of somebody whose access has ended, nor is asked to follow a PI."""
    now, person = clock.now(), payload["user"]
    ProjectLink.objects.filter(made_by__code=person, revoked_at=None).update(revoked_at=now, updated_at=now)
    invitations = ProjectInvitation.objects.filter(invited_by__code=person, state=Asked.PENDING)
    invitations.update(state=Asked.WITHDRAWN, updated_at=now)
    asked = HandOver.objects.filter(successor__code=person, state=Asked.PENDING)
    asked.update(state=Asked.WITHDRAWN, updated_at=now)
