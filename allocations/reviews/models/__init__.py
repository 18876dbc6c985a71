from allocations.reviews.models.review import Review, ReviewScore, ReviewVersion
from allocations.reviews.models.reviewer import ReviewerProfile, ReviewRules

__all__ = ["Review", "ReviewRules", "ReviewScore", "ReviewVersion", "ReviewerProfile"]
