"""Addresses of jobs in the API, and of what the bridge keeps about sites."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from scheduler_bridge.jobs.api.views import JobViewSet

router = SimpleRouter()
router.register("jobs", JobViewSet, basename="api_job")

urlpatterns = [*router.urls, path("", include("scheduler_bridge.sites.api.urls"))]
