"""Addresses of site logins in the API."""

from rest_framework.routers import SimpleRouter

from scheduler_bridge.sites.api.views import SiteLoginViewSet

router = SimpleRouter()
router.register("site-logins", SiteLoginViewSet, basename="api_site_login")

urlpatterns = router.urls
