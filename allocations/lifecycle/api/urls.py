"""Addresses of changes, reports, appeals and reclamation in the API."""

from rest_framework.routers import SimpleRouter

from allocations.lifecycle.api import reclaim, views

router = SimpleRouter()
router.register("changes", views.ChangeViewSet, basename="api_change")
router.register("allocation-reports", views.AllocationReportViewSet, basename="api_allocation_report")
router.register("appeals", views.AppealViewSet, basename="api_appeal")
router.register("reclaim", reclaim.ReclaimCaseViewSet, basename="api_reclaim_case")
router.register("reclaim-rules", reclaim.ReclaimRuleViewSet, basename="api_reclaim_rule")

urlpatterns = router.urls
