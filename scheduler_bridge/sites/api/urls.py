"""Addresses of site logins in the API, and of what unbridged sites upload."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from scheduler_bridge.sites.api.views import SiteLoginViewSet

router = SimpleRouter()
router.register("site-logins", SiteLoginViewSet, basename="api_site_login")

urlpatterns = [*router.urls, path("", include("scheduler_bridge.uploads.api.urls"))]
