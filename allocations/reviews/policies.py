"""Who may do what with reviews."""

from typing import Any

import rules

from allocations.programme.models import AllocationRequest, TrackStep
from allocations.programme.policies import bars, is_decider, is_independent
from allocations.reviews.models import Review
from allocations.reviews.transitions import ReviewState
from portal.people.models import ProgrammeRole
from portal.people.policies import is_admin


@bars("reviews")
def has_reviewed(user: Any, request: AllocationRequest) -> bool:
    """Whether `user` was ever asked for a review of it, unless that passed without their taking it."""
    # The steps are read already: where none is a review nobody was asked.
    return any(step.kind == TrackStep.Kind.REVIEW for step in request.steps.all()) and any(
        review.reviewer_id == user.pk
        and (review.state != ReviewState.EXPIRED or review.accepted_at is not None)
        for review in request.reviews.all()
    )


@rules.predicate
def is_reviewer(user: Any) -> bool:
    return ProgrammeRole.Role.REVIEWER in user.roles


@rules.predicate
def is_own(user: Any, review: Review | None) -> bool:
    return review is not None and review.reviewer_id == user.pk


@rules.predicate
def may_assign_for(user: Any, review: Review | None) -> bool:
    return review is not None and bool(is_admin(user)) and bool(is_independent(user, review.request))


# One's own profile as a reviewer, and the list of one's reviews.
rules.add_perm("reviews.review", is_reviewer)
# One review: answer the invitation, draft it, submit it, step back.
rules.add_perm("reviews.write", is_own)
# The pool of reviewers and the rules by which they are found.
rules.add_perm("reviews.manage_pool", is_admin)
# Who reviews a request.
rules.add_perm("reviews.assign", is_admin & is_independent)
# Close an overdue review with fewer words than were asked for.
rules.add_perm("reviews.close", is_admin & is_independent)
# Replace a reviewer, give one more time, ask for a revision.
rules.add_perm("reviews.manage", may_assign_for)
# The panel as a whole, and what the reviewers say about one request.
rules.add_perm("reviews.see_panel", is_decider)
rules.add_perm("reviews.see_reviews", is_decider & is_independent)
