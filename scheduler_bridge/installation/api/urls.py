"""Addresses of the switches in the API."""

from rest_framework.routers import SimpleRouter

from scheduler_bridge.installation.api.views import SendingViewSet

router = SimpleRouter()
router.register("sending", SendingViewSet, basename="api_sending")

urlpatterns = router.urls
