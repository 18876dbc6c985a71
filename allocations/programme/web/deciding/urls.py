"""Addresses of what is done with a request once it is submitted."""

from django.urls import path

from allocations.programme.web.deciding import steps
from allocations.programme.web.deciding.asking import RequestAskSite
from allocations.programme.web.deciding.decide import RequestDecide
from allocations.programme.web.deciding.impact import RequestImpact

urlpatterns = [
    path("requests/<slug:code>/decide/", RequestDecide.as_view(), name="request_decide"),
    path("requests/<slug:code>/impact/", RequestImpact.as_view(), name="request_impact"),
    path("requests/<slug:code>/check/", steps.RequestCheck.as_view(), name="request_check"),
    path("requests/<slug:code>/consent/<slug:site>/", steps.RequestConsent.as_view(), name="request_consent"),
    path("requests/<slug:code>/ask-site/", RequestAskSite.as_view(), name="request_ask_site"),
    path("requests/<slug:code>/conflict/", steps.RequestConflict.as_view(), name="request_conflict"),
    path("requests/<slug:code>/thread/", steps.RequestThread.as_view(), name="request_thread"),
    path(
        "requests/<slug:code>/waiting/<slug:entry>/withdraw/",
        steps.WaitingWithdraw.as_view(),
        name="request_waiting_withdraw",
    ),
]
