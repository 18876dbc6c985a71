"""The only writers of reviews and reviewers' profiles."""

from allocations.reviews.services.assigning import (
    review_extend,
    review_replace,
    reviewers_invite,
    reviews_open,
)
from allocations.reviews.services.closing import reviews_close
from allocations.reviews.services.deadlines import reviews_sweep
from allocations.reviews.services.reviewers import profile_change, rules_change
from allocations.reviews.services.reviewing import (
    review_accept,
    review_decline,
    review_recuse,
    review_save,
    review_submit,
)
from allocations.reviews.services.revising import review_ask_revision, review_revise

__all__ = [
    "profile_change",
    "review_accept",
    "review_ask_revision",
    "review_decline",
    "review_extend",
    "review_recuse",
    "review_replace",
    "review_revise",
    "review_save",
    "review_submit",
    "reviewers_invite",
    "reviews_close",
    "reviews_open",
    "reviews_sweep",
    "rules_change",
]
