"""Addresses of requests in the API."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from allocations.programme.api.calls import CallViewSet
from allocations.programme.api.estimate import EstimateView
from allocations.programme.api.tracks import RubricViewSet, TrackViewSet
from allocations.programme.api.views import RequestViewSet

router = SimpleRouter()
router.register("requests", RequestViewSet, basename="api_request")
router.register("calls", CallViewSet, basename="api_call")
router.register("tracks", TrackViewSet, basename="api_track")
router.register("rubrics", RubricViewSet, basename="api_rubric")

urlpatterns = [path("estimate/", EstimateView.as_view(), name="api_estimate"), *router.urls]
