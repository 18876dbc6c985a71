"""Addresses of requests."""

from django.urls import path

from allocations.programme.web import request_new, request_steps, views
from allocations.programme.web.deciding.urls import urlpatterns as deciding
from allocations.programme.web.estimate import EstimatePage

urlpatterns = [
    path("estimate/", EstimatePage.as_view(), name="estimate"),
    path("requests/", views.RequestList.as_view(), name="requests"),
    path("requests/pending/", views.PendingRequests.as_view(), name="requests_pending"),
    path("requests/new/", request_new.RequestNew.as_view(), name="request_new"),
    path("requests/new/full/", request_new.RequestNewFull.as_view(), name="request_new_full"),
    path("requests/<slug:code>/", views.RequestPage.as_view(), name="request"),
    path("requests/<slug:code>/edit/", request_steps.PurposeStep.as_view(), name="request_edit"),
    path("requests/<slug:code>/edit/amounts/", request_steps.AmountsStep.as_view(), name="request_amounts"),
    path("requests/<slug:code>/edit/running/", request_steps.RunningStep.as_view(), name="request_running"),
    path("requests/<slug:code>/edit/papers/", request_steps.PapersStep.as_view(), name="request_papers"),
    path("requests/<slug:code>/submit/", request_new.RequestSubmit.as_view(), name="request_submit"),
    path(
        "requests/<slug:code>/attachments/<slug:attachment>/",
        request_new.AttachmentFile.as_view(),
        name="request_attachment",
    ),
    path("requests/<slug:code>/withdraw/", views.RequestWithdraw.as_view(), name="request_withdraw"),
    *deciding,
]
