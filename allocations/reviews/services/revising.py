"""Opening a submitted review again, until its step closes; what it said before is kept."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.reviews.models import Review, ReviewVersion
from allocations.reviews.selectors import is_revisable, unconflicted
from allocations.reviews.services._gate import locked, note
from allocations.reviews.services.announce import tell_reviewer
from allocations.reviews.services.assigning import SHORTEST
from allocations.reviews.thresholds import passed
from allocations.reviews.transitions import REVIEW
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor


@transaction.atomic
def review_revise(*, actor: Any, review: Review) -> Review:
    """Take one's own review back to change it. What it said counts again if it isn't handed in anew.

    Raises NotAllowed, IllegalState once the review of the request is over.
    """
    review = locked(review)
    require(actor, "reviews.write", review, message=_("Only its reviewer writes a review."))
    if not unconflicted(actor).filter(pk=review.request_id).exists():
        raise IllegalState(_("You have a conflict of interest with this request."))
    return _reopen(actor, review, "")


@transaction.atomic
def review_ask_revision(*, actor: Any, review: Review, reason: str) -> Review:
    """Ask a reviewer to change what they handed in, with a reason that they read.

    For programme admins without a conflict. Raises NotAllowed, SecondFactorNeeded, InvalidInput,
    IllegalState.
    """
    review = locked(review)
    require(
        actor,
        "reviews.manage",
        review,
        message=_("Only programme admins without a conflict of interest ask for a revision."),
    )
    require_second_factor(actor)
    if not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason", remedy=_("The reviewer reads it."))
    return _reopen(actor, review, reason.strip())


def _reopen(actor: Any, review: Review, reason: str) -> Review:
    if not is_revisable(review) or review.score is None or review.submitted_at is None:
        raise IllegalState(
            _("This review can't be revised now."),
            remedy=_("A review is revised once it is submitted, until enough of them are in."),
        )
    scores = review.scores.select_related("criterion")
    ReviewVersion.objects.create(
        review=review,
        number=review.versions.count() + 1,
        score=review.score,
        scores={each.criterion.code: each.score for each in scores},
        recommendation=review.recommendation,
        comment_private=review.comment_private,
        comment_applicant=review.comment_applicant,
        submitted_at=review.submitted_at,
        reopened_by=actor,
        reason=reason,
    )
    before = review.snapshot("state", "due_on")
    review.state = REVIEW.target(state=review.state, action="reopen")
    review.submitted_at = review.score = None
    review.due_on = max(review.due_on, clock.today() + SHORTEST)
    review.reminders = passed(review.due_on)
    review.store("state", "submitted_at", "score", "due_on", "reminders")
    note(actor, "review_reopen", review, before=before, reason=reason)
    if reason:
        tell_reviewer(review, "reopened", reason=reason)
    return review
