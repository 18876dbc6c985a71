"""Addresses of the ledger in the API."""

from rest_framework.routers import SimpleRouter

from allocations.ledger.api.views import LedgerViewSet

router = SimpleRouter()
router.register("ledger", LedgerViewSet, basename="api_ledger")

urlpatterns = router.urls
