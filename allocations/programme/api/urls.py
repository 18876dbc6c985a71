"""Addresses of requests in the API."""

from rest_framework.routers import SimpleRouter

from allocations.programme.api.views import RequestViewSet

router = SimpleRouter()
router.register("requests", RequestViewSet, basename="api_request")

urlpatterns = router.urls
