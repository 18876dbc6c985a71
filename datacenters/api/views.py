"""Sites and resources over the API. Reading asks for no token."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from datacenters import selectors, services
from datacenters.api.serializers import CapacityInput, ResourceSerializer, SiteSerializer
from datacenters.filtersets import ResourceFilters, SiteFilters
from datacenters.models import Resource, Site
from portal.foundation.api import ScopedViewSet
from portal.foundation.units import hours_to_seconds


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


class ResourceViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """GPUs of one model at one site, with the capacity of the coming quarters."""

    permission_classes = [IsAuthenticatedOrReadOnly]
    selector = selectors.resources_visible_to
    serializer_class = ResourceSerializer
    filterset_class = ResourceFilters
    queryset = Resource.objects.none()

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
            reason=sent.validated_data["reason"],
        )
        return Response(self.get_serializer(self.get_object()).data)
