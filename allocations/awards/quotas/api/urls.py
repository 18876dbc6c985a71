"""Addresses of quotas and programmes in the API."""

from rest_framework.routers import SimpleRouter

from allocations.awards.quotas.api.views import ProgrammeViewSet, QuotaViewSet

router = SimpleRouter()
router.register("quotas", QuotaViewSet, basename="api_quota")
router.register("programmes", ProgrammeViewSet, basename="api_programme")

urlpatterns = router.urls
