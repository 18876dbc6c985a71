from allocations.reviews.models.review import Review, ReviewScore
from allocations.reviews.models.reviewer import ReviewerProfile, ReviewRules

__all__ = ["Review", "ReviewRules", "ReviewScore", "ReviewerProfile"]
