"""Projects over the API: propose, change, archive; members."""

from typing import Any

from django.db import models
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from allocations.projects import selectors, services
from allocations.projects.api.joining import JoiningActions
from allocations.projects.api.serializers import (
    CapInput,
    ProjectChange,
    ProjectDetailSerializer,
    ProjectInput,
    ProjectSerializer,
    RoleInput,
    SectorSerializer,
)
from allocations.projects.filtersets import ProjectFilters
from allocations.projects.models import Project, ProjectMember, Sector
from portal.foundation.api import ScopedViewSet

shows = ProjectDetailSerializer


class SectorViewSet(ListModelMixin, ScopedViewSet):
    """The sectors that a project may belong to."""

    permission_classes = [AllowAny]
    queryset = Sector.objects.all()
    serializer_class = SectorSerializer

    def get_queryset(self) -> models.QuerySet[Sector]:
        return selectors.sectors()


class ProjectViewSet(JoiningActions, ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """Projects: what compute is asked for, and who works on it."""

    selector = selectors.detail_visible_to
    filterset_class = ProjectFilters
    queryset = Project.objects.none()  # Tells the schema what kind of thing this is.

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return ProjectSerializer if self.action == "list" else ProjectDetailSerializer

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Project.objects.none()
        if self.action == "list":
            return selectors.visible_to(self.request.user)
        return super().get_queryset()

    @extend_schema(request=ProjectInput, responses={201: shows})
    def create(self, request: Request) -> Response:
        """Propose a project of one's own organisation; the caller becomes its principal investigator."""
        project = services.project_create(actor=request.user, **self._sent(ProjectInput))
        return self._shown(project, status.HTTP_201_CREATED)

    @extend_schema(request=ProjectChange, responses=shows)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change a project; what isn't sent stays."""
        target = self.get_object()
        sent = self._sent(ProjectChange, partial=True)
        return self._shown(services.project_update(actor=request.user, project=target, **sent))

    @extend_schema(request=None, responses=shows)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, code: str) -> Response:
        """Put it away: no new requests, jobs or members."""
        return self._shown(services.project_archive(actor=request.user, project=self.get_object()))

    @extend_schema(request=None, responses=shows)
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, code: str) -> Response:
        """Take it out of the archive."""
        return self._shown(services.project_unarchive(actor=request.user, project=self.get_object()))

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, code: str) -> Response:
        """End one's own work on it."""
        services.member_leave(actor=request.user, project=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=RoleInput, responses=shows)
    @action(detail=True, methods=["post"], url_path=r"members/(?P<user>[a-z0-9-]+)/role")
    def member_role(self, request: Request, code: str, user: str) -> Response:
        """Make a member a manager, or a manager a member."""
        target = self.get_object()
        member = self._member(target, user)
        services.member_role_change(actor=request.user, member=member, **self._sent(RoleInput))
        return self._shown(target)

    @extend_schema(request=CapInput, responses=shows)
    @action(detail=True, methods=["post"], url_path=r"members/(?P<user>[a-z0-9-]+)/cap")
    def member_cap(self, request: Request, code: str, user: str) -> Response:
        """Bound what a member may use of the project's allocations, held and charged together."""
        target = self.get_object()
        member = self._member(target, user)
        services.member_cap_set(actor=request.user, member=member, **self._sent(CapInput))
        return self._shown(target)

    @extend_schema(request=None, responses=shows)
    @action(detail=True, methods=["post"], url_path=r"members/(?P<user>[a-z0-9-]+)/remove")
    def member_remove(self, request: Request, code: str, user: str) -> Response:
        """End somebody's work on it. 204 where the caller can't see the project any more."""
        target = self.get_object()
        services.member_remove(actor=request.user, member=self._member(target, user))
        if not selectors.visible_to(request.user).filter(pk=target.pk).exists():
            return Response(status=status.HTTP_204_NO_CONTENT)
        return self._shown(target)

    def _member(self, project: Project, code: str) -> ProjectMember:
        return get_object_or_404(project.members.select_related("user"), user__code=code)

    def _sent(self, serializer: type[BaseSerializer[Any]], **options: Any) -> dict[str, Any]:
        sent = serializer(data=self.request.data, context=self.get_serializer_context(), **options)
        sent.is_valid(raise_exception=True)
        data: dict[str, Any] = sent.validated_data
        return data

    def _shown(self, project: Project, code: int = status.HTTP_200_OK) -> Response:
        fresh = selectors.detail_visible_to(self.request.user).get(pk=project.pk)
        return Response(self.get_serializer(fresh).data, status=code)
