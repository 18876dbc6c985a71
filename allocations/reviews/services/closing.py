"""How a merit review ends: once enough reviews are in, or, when it is overdue, with those that are."""

from typing import Any

from django.utils.translation import gettext as _

from allocations.programme.models import AllocationRequest, RequestStep, TrackStep
from allocations.programme.policies import is_independent
from allocations.programme.services.steps import require_still_open, step_finish, steps_advance
from allocations.programme.services.ties import has_a_say, of_request, ties_of_speaker
from allocations.programme.steps import Verdict
from allocations.reviews.models import Review, ReviewScore
from allocations.reviews.selectors import open_review_step
from allocations.reviews.services._gate import leave, locked_request, note
from allocations.reviews.services.announce import tell_reviewer
from allocations.reviews.transitions import REVIEW, ReviewState
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor


@has_a_say(of_request)
def reviews_close(*, actor: Any, request: AllocationRequest, reason: str, round: int | None = None) -> None:
    """Close an overdue merit review with fewer reviews than it asks for, but at least one.

    For programme admins without a conflict. The reason stands in the public clock: the applicant reads it.
    `round` says which submission is meant, where the sender knows. Raises NotAllowed, SecondFactorNeeded,
    InvalidInput, and IllegalState: no review is under way, it isn't overdue, or none is in.
    """
    request = locked_request(request.pk)
    ties_of_speaker(actor, [request])
    require(actor, "reviews.close", request, message=_only_admins())
    require_second_factor(actor)
    require_still_open(request, kind=TrackStep.Kind.REVIEW, round=round)
    step = open_review_step(request)
    if step is None or not step.is_overdue:
        raise IllegalState(
            _("This merit review isn't overdue yet."),
            remedy=_("Ask more reviewers, or wait until it is due."),
            code="not_overdue",
        )
    if not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason", remedy=_("The applicant reads it."))
    step.request = request
    _let_go_of_open(step)
    count = _submitted(step)
    if not count:
        raise IllegalState(
            _("No review is in."), remedy=_("At least one is needed: ask other reviewers."), code="no_review"
        )
    words = _("Closed with %(count)s of %(wanted)s reviews: %(reason)s") % {
        "count": count,
        "wanted": step.step.persons,
        "reason": reason.strip(),
    }
    step_finish(step, Verdict("pass", words), actor=actor)
    steps_advance(request)


def close_if_enough(review: Review) -> None:
    """The step passes once as many reviews are in as it asks for; who hasn't begun is let go."""
    step = review.step
    if _submitted(step) < step.step.persons:
        return
    step.request = review.request
    _let_go_of_open(step)
    step_finish(step, Verdict("pass"))
    steps_advance(review.request)


def let_go(review: Review) -> None:
    """End an open review that nobody waits for; one that was opened again says what it said before."""
    if put_back(review):
        return
    left = Review.Left.NOT_NEEDED if is_independent(review.reviewer, review.request) else Review.Left.CONFLICT
    leave(review, left, actor=None, action="review_release")
    tell_reviewer(review, "replaced")


def put_back(review: Review) -> bool:
    """What a review said before it was opened again counts again: no word is lost by silence.

    Returns False where it was never handed in, or its reviewer was tied to the request since.
    """
    last = review.versions.order_by("number").last()
    if last is None or not is_independent(review.reviewer, review.request):
        return False
    for criterion in review.rubric.criteria.all():
        ReviewScore.objects.update_or_create(
            review=review, criterion=criterion, defaults={"score": last.scores[criterion.code]}
        )
    before = review.snapshot("state")
    review.state = REVIEW.target(state=review.state, action="submit")
    facts = ("score", "recommendation", "comment_private", "comment_applicant", "submitted_at")
    for name in facts:
        setattr(review, name, getattr(last, name))
    review.store("state", *facts)
    note(None, "review_put_back", review, before=before)
    return True


def _let_go_of_open(step: RequestStep) -> None:
    open_reviews = Review.objects.filter(
        request=step.request_id, round=step.round, state=ReviewState.ASSIGNED
    )
    for review in open_reviews.select_related("reviewer", "rubric"):
        review.request = step.request
        let_go(review)


def _submitted(step: RequestStep) -> int:
    return Review.objects.filter(
        request=step.request_id, round=step.round, state=ReviewState.SUBMITTED
    ).count()


def _only_admins() -> str:
    return _("Only programme admins without a conflict of interest close a merit review.")
