"""Addresses of unbridged sites' keys and uploads in the API."""

from rest_framework.routers import SimpleRouter

from scheduler_bridge.uploads.api.views import UsageKeyViewSet, UsageUploadViewSet

router = SimpleRouter()
router.register("usage-keys", UsageKeyViewSet, basename="api_usage_key")
router.register("usage-uploads", UsageUploadViewSet, basename="api_usage_upload")

urlpatterns = router.urls
