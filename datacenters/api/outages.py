"""Outages over the API. Reading asks for no token; recording is for a site's managers and admins."""

from collections.abc import Callable
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
    OutageCorrection,
    OutageEnd,
    OutageInput,
    OutageSerializer,
    OutageWithdrawal,
)
from datacenters.api.views import checked
from datacenters.filtersets import SiteOutageFilters
from datacenters.models import Outage
from portal.foundation.api import ScopedViewSet


class OutageViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """When a site, its cluster or one resource gives nothing, planned or not."""

    permission_classes = [IsAuthenticatedOrReadOnly]
    selector = selectors.outages_visible_to
    serializer_class = OutageSerializer
    filterset_class = SiteOutageFilters
    queryset = Outage.objects.none()

    @extend_schema(request=OutageInput, responses={201: OutageSerializer})
    def create(self, request: Request) -> Response:
        """Announce or record an outage. For the site's managers and admins."""
        outage = services.outage_record(actor=request.user, **checked(OutageInput, request))
        return Response(self.get_serializer(outage).data, status=HTTP_201_CREATED)

    @extend_schema(request=OutageEnd, responses=OutageSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, code: str) -> Response:
        """It is over. For the site's managers and admins."""
        return self._change(services.outage_end, OutageEnd)

    @extend_schema(request=OutageCorrection, responses=OutageSerializer)
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, code: str) -> Response:
        """Set its times right. For the site's managers and admins."""
        return self._change(services.outage_correct, OutageCorrection)

    @extend_schema(request=OutageWithdrawal, responses=OutageSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """It doesn't take place, and counts no longer. For the site's managers and admins."""
        return self._change(services.outage_withdraw, OutageWithdrawal)

    def _change(self, service: Callable[..., Outage], kind: type[BaseSerializer[Any]]) -> Response:
        outage = self.get_object()
        sent = checked(kind, self.request)
        return Response(self.get_serializer(service(actor=self.request.user, outage=outage, **sent)).data)
