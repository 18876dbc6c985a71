"""The only writers of reviews, reviewers' profiles and found conflicts."""

from allocations.reviews.services.assigning import (
    review_extend,
    review_replace,
    reviewers_invite,
    reviews_open,
)
from allocations.reviews.services.conflicts import conflicts_record
from allocations.reviews.services.deadlines import reviews_sweep
from allocations.reviews.services.reviewers import profile_change, rules_change
from allocations.reviews.services.reviewing import (
    review_accept,
    review_decline,
    review_recuse,
    review_save,
    review_submit,
)

__all__ = [
    "conflicts_record",
    "profile_change",
    "review_accept",
    "review_decline",
    "review_extend",
    "review_recuse",
    "review_replace",
    "review_save",
    "review_submit",
    "reviewers_invite",
    "reviews_open",
    "reviews_sweep",
    "rules_change",
]
