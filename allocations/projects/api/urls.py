"""Addresses of projects in the API."""

from rest_framework.routers import SimpleRouter

from allocations.projects.api.joining import ProjectInvitationViewSet
from allocations.projects.api.views import ProjectViewSet, SectorViewSet

router = SimpleRouter()
router.register("projects", ProjectViewSet, basename="api_project")
router.register("project-invitations", ProjectInvitationViewSet, basename="api_project_invitation")
router.register("sectors", SectorViewSet, basename="api_sector")

urlpatterns = router.urls
