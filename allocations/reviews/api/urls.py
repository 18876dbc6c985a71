"""Addresses of reviews in the API."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from allocations.reviews.api import views

router = SimpleRouter()
router.register("reviews", views.ReviewViewSet, basename="api_review")
router.register("reviewers", views.ReviewerViewSet, basename="api_reviewer")
router.register("panel", views.PanelViewSet, basename="api_panel")

urlpatterns = [
    path("reviewer-profile/", views.ReviewerProfileView.as_view(), name="api_reviewer_profile"),
    path("requests/<slug:code>/reviews/", views.RequestReviewsView.as_view(), name="api_request_reviews"),
    path(
        "requests/<slug:code>/reviews/close/",
        views.RequestReviewsCloseView.as_view(),
        name="api_request_reviews_close",
    ),
    path(
        "requests/<slug:code>/reviewers/", views.RequestReviewersView.as_view(), name="api_request_reviewers"
    ),
    *router.urls,
]
