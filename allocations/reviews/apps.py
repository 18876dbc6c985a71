from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "allocations.reviews"
    label = "reviews"
