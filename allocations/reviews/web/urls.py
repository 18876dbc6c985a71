"""Addresses of reviews."""

from django.urls import path

from allocations.reviews.web import panel, views

urlpatterns = [
    path("reviews/", views.ReviewList.as_view(), name="reviews"),
    path("reviews/profile/", views.ReviewerProfilePage.as_view(), name="reviewer_profile"),
    path("reviews/pool/", panel.Pool.as_view(), name="reviewer_pool"),
    path("reviews/rules/", panel.Rules.as_view(), name="review_rules"),
    path("reviews/panel/", panel.Panel.as_view(), name="review_panel"),
    path("reviews/panel.csv", panel.PanelCsv.as_view(), name="review_panel_csv"),
    path("reviews/<slug:code>/", views.ReviewPage.as_view(), name="review"),
    path("reviews/<slug:code>/accept/", views.ReviewAccept.as_view(), name="review_accept"),
    path("reviews/<slug:code>/decline/", views.ReviewDecline.as_view(), name="review_decline"),
    path("reviews/<slug:code>/recuse/", views.ReviewRecuse.as_view(), name="review_recuse"),
    path("reviews/<slug:code>/revise/", views.ReviewRevise.as_view(), name="review_revise"),
    path("reviews/<slug:code>/ask-revision/", panel.ReviewAskRevision.as_view(), name="review_ask_revision"),
    path("reviews/<slug:code>/replace/", panel.ReviewReplace.as_view(), name="review_replace"),
    path("reviews/<slug:code>/extend/", panel.ReviewExtend.as_view(), name="review_extend"),
    path(
        "reviews/<slug:code>/attachments/<slug:attachment>/",
        views.ReviewAttachment.as_view(),
        name="review_attachment",
    ),
    path("requests/<slug:code>/reviews/", panel.RequestReviews.as_view(), name="request_reviews"),
    path("requests/<slug:code>/reviews/close/", panel.RequestReviewsClose.as_view(), name="reviews_close"),
    path("requests/<slug:code>/reviewers/", panel.RequestReviewers.as_view(), name="request_reviewers"),
]
