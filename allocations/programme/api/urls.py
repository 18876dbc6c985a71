"""Addresses of requests in the API."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from allocations.programme.api.estimate import EstimateView
from allocations.programme.api.views import RequestViewSet

router = SimpleRouter()
router.register("requests", RequestViewSet, basename="api_request")

urlpatterns = [path("estimate/", EstimateView.as_view(), name="api_estimate"), *router.urls]
