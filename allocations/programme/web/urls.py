"""Addresses of requests."""

from django.urls import path

from allocations.programme.web import views
from allocations.programme.web.decide import RequestDecide
from allocations.programme.web.estimate import EstimatePage

urlpatterns = [
    path("estimate/", EstimatePage.as_view(), name="estimate"),
    path("requests/", views.RequestList.as_view(), name="requests"),
    path("requests/pending/", views.PendingRequests.as_view(), name="requests_pending"),
    path("requests/new/", views.RequestNew.as_view(), name="request_new"),
    path("requests/<slug:code>/", views.RequestPage.as_view(), name="request"),
    path("requests/<slug:code>/edit/", views.RequestEdit.as_view(), name="request_edit"),
    path("requests/<slug:code>/submit/", views.RequestSubmit.as_view(), name="request_submit"),
    path("requests/<slug:code>/withdraw/", views.RequestWithdraw.as_view(), name="request_withdraw"),
    path("requests/<slug:code>/decide/", RequestDecide.as_view(), name="request_decide"),
]
