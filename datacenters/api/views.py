"""Sites and resources over the API. Reading asks for no token."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.status import HTTP_201_CREATED

from datacenters import selectors, services
from datacenters.api.serializers import (
    CapacityInput,
    ClusterChange,
    ClusterInput,
    ClusterSerializer,
    ResourceChange,
    ResourceInput,
    ResourceSerializer,
    SiteChange,
    SiteInput,
    SiteSerializer,
)
from datacenters.filtersets import ResourceFilters, SiteFilters
from datacenters.models import Cluster, Resource, Site
from portal.foundation.api import ScopedViewSet
from portal.foundation.policies import require
from portal.foundation.units import hours_to_seconds


def checked(kind: type[BaseSerializer[Any]], request: Request, *, partial: bool = False) -> dict[str, Any]:
    """What was sent, as the services take it. Raises ValidationError."""
    sent = kind(data=request.data, partial=partial)
    sent.is_valid(raise_exception=True)
    data: dict[str, Any] = sent.validated_data
    return data


class SiteViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """The programme's sites: what they may hold, how their clusters are, what they offer."""

    permission_classes = [IsAuthenticatedOrReadOnly]
    selector = selectors.sites_visible_to
    serializer_class = SiteSerializer
    filterset_class = SiteFilters
    queryset = Site.objects.none()  # Tells the schema what kind of thing this is.

    def get_serializer_context(self) -> dict[str, Any]:
        managed = selectors.ids_of_managed_sites(self.request.user) if self.request else frozenset()
        return {**super().get_serializer_context(), "managed_sites": managed}

    @extend_schema(request=SiteInput, responses={201: SiteSerializer})
    def create(self, request: Request) -> Response:
        """Add a site. For admins."""
        require(request.user, "datacenters.administer")
        site = services.site_create(actor=request.user, **checked(SiteInput, request))
        made = self.get_queryset().get(pk=site.pk)
        return Response(self.get_serializer(made).data, status=HTTP_201_CREATED)

    @extend_schema(request=SiteChange, responses=SiteSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change what is said about a site. For its managers and admins; `kind` is for admins."""
        site = self.get_object()
        require(request.user, "datacenters.manage_site", site)
        services.site_update(actor=request.user, site=site, **checked(SiteChange, request, partial=True))
        return Response(self.get_serializer(self.get_object()).data)


class ClusterViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """How the sites' clusters are reached: those of the sites that one runs; admins see all."""

    selector = selectors.clusters_visible_to
    serializer_class = ClusterSerializer
    queryset = Cluster.objects.none()

    def get_serializer_context(self) -> dict[str, Any]:
        managed = selectors.ids_of_managed_sites(self.request.user) if self.request else frozenset()
        return {**super().get_serializer_context(), "managed_sites": managed}

    @extend_schema(request=ClusterInput, responses={201: ClusterSerializer})
    def create(self, request: Request) -> Response:
        """Connect a site's cluster. It starts switched off, until it has passed its preflight. For admins."""
        require(request.user, "datacenters.administer")
        cluster = services.cluster_create(actor=request.user, **checked(ClusterInput, request))
        return Response(self.get_serializer(cluster).data, status=HTTP_201_CREATED)

    @extend_schema(request=ClusterChange, responses=ClusterSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change how a cluster is reached, or switch it off. For admins."""
        cluster = self.get_object()
        require(request.user, "datacenters.administer")
        changes = checked(ClusterChange, request, partial=True)
        changed = services.cluster_update(actor=request.user, cluster=cluster, **changes)
        return Response(self.get_serializer(changed).data)


class ResourceViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """GPUs of one model at one site, with the capacity of the coming quarters."""

    permission_classes = [IsAuthenticatedOrReadOnly]
    selector = selectors.resources_visible_to
    serializer_class = ResourceSerializer
    filterset_class = ResourceFilters
    queryset = Resource.objects.none()

    @extend_schema(request=ResourceInput, responses={201: ResourceSerializer})
    def create(self, request: Request) -> Response:
        """Add a resource to a site. For the site's managers and admins."""
        made = services.resource_create(actor=request.user, **checked(ResourceInput, request))
        shown = self.get_queryset().get(pk=made.pk)
        return Response(self.get_serializer(shown).data, status=HTTP_201_CREATED)

    @extend_schema(request=ResourceChange, responses=ResourceSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change a resource. For the site's managers and admins."""
        resource = self.get_object()
        require(request.user, "datacenters.manage_site", resource.site)
        changes = checked(ResourceChange, request, partial=True)
        services.resource_update(actor=request.user, resource=resource, **changes)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=CapacityInput, responses=ResourceSerializer)
    @action(detail=True, methods=["post"])
    def capacity(self, request: Request, code: str) -> Response:
        """Set what may be awarded in one quarter. For the site's managers and admins."""
        sent = CapacityInput(data=request.data)
        sent.is_valid(raise_exception=True)
        services.capacity_set(
            actor=request.user,
            resource=self.get_object(),
            quarter=sent.validated_data["quarter"],
            gpu_seconds=hours_to_seconds(sent.validated_data["gpu_hours"]),
            reserve_percent=sent.validated_data.get("reserve_percent"),
            reason=sent.validated_data["reason"],
        )
        return Response(self.get_serializer(self.get_object()).data)
