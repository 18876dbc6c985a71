"""What several services begin or end with."""

from typing import Any

from django.utils.translation import gettext as _

from allocations.programme.models import AllocationRequest
from allocations.reviews.models import Review
from allocations.reviews.transitions import REVIEW
from portal.foundation.errors import IllegalState
from portal.foundation.services import audit
from portal.people.models import User


def locked_request(pk: int) -> AllocationRequest:
    """The request, held until the transaction ends: its reviews change one at a time."""
    return (
        AllocationRequest.objects.select_for_update(of=("self",))
        .select_related("project__organisation", "project__sector", "requested_by", "track_version", "call")
        .get(pk=pk)
    )


def locked(review: Review) -> Review:
    """The review as it stands now, held together with its request."""
    request = locked_request(review.request_id)
    current = (
        Review.objects.select_for_update(of=("self",))
        .select_related("reviewer", "rubric", "step__step")
        .get(pk=review.pk)
    )
    current.request = request
    return current


def require_open(review: Review) -> None:
    """Raises IllegalState where the review ended."""
    if not review.is_open:
        raise IllegalState(
            _("This review is “%(state)s”: it can't be changed any more.")
            % {"state": review.get_state_display()}
        )


def leave(review: Review, left: str, *, actor: User | None, action: str, reason: str = "") -> None:
    """End an open review without a word on the request. Raises IllegalState where it ended already."""
    require_open(review)
    before = review.snapshot("state")
    review.state = REVIEW.target(state=review.state, action="recuse")
    review.left, review.reason = left, reason.strip()
    review.store("state", "left", "reason")
    note(actor, action, review, before=before, reason=review.reason)


def note(
    actor: Any, action: str, review: Review, *, before: dict[str, Any] | None = None, reason: str = ""
) -> None:
    """The audit row of a step: it names request and reviewer by code."""
    audit.record(
        actor=actor,
        action=action,
        target=review,
        before=before,
        after=review.snapshot("request", "round", "reviewer", "state", "left", "due_on"),
        reason=reason,
    )
