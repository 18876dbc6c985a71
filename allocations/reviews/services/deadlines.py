"""What the clock does to reviews. It may run any number of times: everything is done once."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from allocations.programme.policies import is_independent
from allocations.programme.transitions import StepState
from allocations.reviews.models import Review
from allocations.reviews.selectors import IN_REVIEW, rules
from allocations.reviews.services._gate import locked, note
from allocations.reviews.services.announce import tell_reviewer
from allocations.reviews.services.assigning import replacement_seek
from allocations.reviews.services.closing import close_if_enough, let_go, put_back
from allocations.reviews.thresholds import THRESHOLDS, passed
from allocations.reviews.transitions import REVIEW, ReviewState
from portal.foundation import clock
from portal.foundation.services.sweeps import tried

NOBODY_WAITS = ~Q(step__state=StepState.OPEN) | ~Q(request__state__in=IN_REVIEW)


def reviews_sweep() -> dict[str, int]:
    """End what isn't needed any more, expire what is overdue beyond grace, remind of what is due soon."""
    today = clock.today()
    asked = Review.objects.filter(state=ReviewState.ASSIGNED).order_by("pk")
    over = asked.filter(due_on__lt=today - timedelta(days=rules().grace_days))
    soon = asked.filter(due_on__lte=today + timedelta(days=max(THRESHOLDS)))
    # Each is read when its turn comes: what was released or expired isn't reminded.
    return {
        "released": sum(bool(tried(review_release, review=review)) for review in asked.filter(NOBODY_WAITS)),
        "expired": sum(bool(tried(review_expire, review=review)) for review in over),
        "reminded": sum(bool(tried(review_remind, review=review)) for review in soon),
    }


@transaction.atomic
def review_release(*, review: Review) -> bool:
    """End an open review that nobody waits for any more. Returns whether it was one."""
    review = locked(review)
    waited_for = review.step.state == StepState.OPEN and review.request.state in IN_REVIEW
    if not review.is_open or waited_for:
        return False
    let_go(review)
    return True


@transaction.atomic
def review_expire(*, review: Review) -> bool:
    """Give up on a review whose grace is over, and see to another. Returns whether it was one.

    One that was opened again says what it said before, unless its reviewer was tied to the request since.
    """
    review = locked(review)
    if not review.is_open or clock.today() <= review.due_on + timedelta(days=rules().grace_days):
        return False
    if put_back(review):
        close_if_enough(review)
        return True
    before = review.snapshot("state")
    review.state = REVIEW.target(state=review.state, action="expire")
    review.store("state")
    note(None, "review_expire", review, before=before)
    tell_reviewer(review, "expired")
    replacement_seek(review, why="expired")
    return True


@transaction.atomic
def review_remind(*, review: Review) -> bool:
    """Remind of a review once for each threshold that has passed. Returns whether a reminder went out.

    Whoever was tied to the request since isn't reminded: their review expires.
    """
    review = locked(review)
    due = passed(review.due_on)
    if not review.is_open or due <= review.reminders or not is_independent(review.reviewer, review.request):
        return False
    review.reminders, review.reminded_at = due, clock.now()
    review.store("reminders", "reminded_at")
    tell_reviewer(review, "reminded")
    return True
