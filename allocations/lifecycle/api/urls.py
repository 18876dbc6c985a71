"""Addresses of changes, reports and appeals in the API."""

from rest_framework.routers import SimpleRouter

from allocations.lifecycle.api import views

router = SimpleRouter()
router.register("changes", views.ChangeViewSet, basename="api_change")
router.register("allocation-reports", views.AllocationReportViewSet, basename="api_allocation_report")
router.register("appeals", views.AppealViewSet, basename="api_appeal")

urlpatterns = router.urls
