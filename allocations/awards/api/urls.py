"""Addresses of allocations in the API."""

from rest_framework.routers import SimpleRouter

from allocations.awards.api.views import AllocationViewSet

router = SimpleRouter()
router.register("allocations", AllocationViewSet, basename="api_allocation")

urlpatterns = router.urls
