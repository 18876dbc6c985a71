"""Addresses of sites and resources in the API."""

from rest_framework.routers import SimpleRouter

from datacenters.api.outages import OutageViewSet
from datacenters.api.views import ClusterViewSet, ResourceViewSet, SiteViewSet

router = SimpleRouter()
router.register("sites", SiteViewSet, basename="api_site")
router.register("clusters", ClusterViewSet, basename="api_cluster")
router.register("resources", ResourceViewSet, basename="api_resource")
router.register("outages", OutageViewSet, basename="api_outage")

urlpatterns = router.urls
