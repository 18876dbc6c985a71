"""Slurm accounts over the API: look, bring into line, adopt, lend. For those who run the sites."""

from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.awards.models import Allocation
from allocations.awards.selectors import visible_to
from datacenters.models import Cluster, Site
from datacenters.selectors import sites_visible_to
from datacenters.services import cluster_update
from portal.foundation.api import ScopedViewSet
from portal.foundation.errors import IllegalState
from portal.foundation.policies import require
from scheduler_bridge.provisioning.adoption import adoptable, slurm_account_adopt
from scheduler_bridge.provisioning.api import serializers
from scheduler_bridge.provisioning.drift import drift_of
from scheduler_bridge.sites.reconcile import site_reconcile
from scheduler_bridge.sites.selectors import provisioned_at

CODE = OpenApiParameter("code", OpenApiTypes.STR, OpenApiParameter.PATH)


def cluster_of(site: Site) -> Cluster:
    cluster: Cluster | None = getattr(site, "cluster", None)
    if cluster is None:
        raise IllegalState(_("This site has no cluster."), remedy=_("Connect its cluster first."))
    return cluster


class AllocationSlurmViewSet(ScopedViewSet):
    """What stands in Slurm for one allocation."""

    selector = visible_to
    queryset = Allocation.objects.none()
    serializer_class = serializers.DriftSerializer

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().select_related("resource__cluster", "resource__site", "project")

    def managed(self) -> Allocation:
        allocation: Allocation = self.get_object()
        require(self.request.user, "datacenters.manage_site", allocation.resource.site)
        return allocation

    @extend_schema(parameters=[CODE], responses=serializers.DriftSerializer)
    def look(self, request: Request, code: str) -> Response:
        """A dry run: read from the cluster now, nothing changed."""
        allocation = self.managed()
        [line] = drift_of([allocation], cluster_of(allocation.resource.site))
        return Response(serializers.DriftSerializer(line).data)

    @extend_schema(parameters=[CODE], request=None, responses={202: serializers.AskedSerializer})
    def apply(self, request: Request, code: str) -> Response:
        """Have workers bring it into line."""
        allocation = self.managed()
        count = site_reconcile(actor=request.user, site=allocation.resource.site, allocation=allocation)  # type: ignore[arg-type]
        return Response({"allocations": count}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        parameters=[CODE, OpenApiParameter("slurm_account", OpenApiTypes.STR, required=True)],
        responses=serializers.AdoptableSerializer,
    )
    def look_at_account(self, request: Request, code: str) -> Response:
        """What stands under a name that might be adopted."""
        name = request.query_params.get("slurm_account", "")
        found = adoptable(actor=request.user, allocation=self.managed(), name=name)  # type: ignore[arg-type]
        return Response(serializers.AdoptableSerializer(found).data)

    @extend_schema(
        parameters=[CODE], request=serializers.AdoptInput, responses={201: serializers.AdoptedSerializer}
    )
    def adopt(self, request: Request, code: str) -> Response:
        """Give the allocation a Slurm account that the site had already. For admins."""
        allocation = self.managed()
        require(request.user, "datacenters.administer")
        sent = serializers.AdoptInput(data=request.data)
        sent.is_valid(raise_exception=True)
        binding = slurm_account_adopt(
            actor=request.user,  # type: ignore[arg-type]
            allocation=allocation,
            name=sent.validated_data["slurm_account"],
        )
        return Response(serializers.AdoptedSerializer(binding).data, status=status.HTTP_201_CREATED)


class SiteSlurmViewSet(ScopedViewSet):
    """What stands in Slurm for a site's allocations."""

    selector = sites_visible_to
    queryset = Site.objects.none()
    serializer_class = serializers.DriftSerializer

    def managed(self) -> Site:
        site: Site = self.get_object()
        require(self.request.user, "datacenters.manage_site", site)
        return site

    @extend_schema(parameters=[CODE], responses=serializers.DriftSerializer(many=True))
    def drift(self, request: Request, code: str) -> Response:
        """A dry run over the site's allocations, page by page."""
        site = self.managed()
        allocations = provisioned_at(site).select_related("resource__cluster", "resource__site", "project")
        page = self.paginate_queryset(allocations) or []
        lines = drift_of(page, cluster_of(site))
        return self.get_paginated_response(serializers.DriftSerializer(lines, many=True).data)

    @extend_schema(parameters=[CODE], request=None, responses={202: serializers.AskedSerializer})
    def apply(self, request: Request, code: str) -> Response:
        """Have workers bring all of the site's allocations into line."""
        count = site_reconcile(actor=request.user, site=self.managed())  # type: ignore[arg-type]
        return Response({"allocations": count}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(parameters=[CODE], request=serializers.ShareInput, responses=serializers.ShareSerializer)
    def share(self, request: Request, code: str) -> Response:
        """Say what share of the site's GPUs is lent to the programme. For admins."""
        site: Site = self.get_object()
        require(request.user, "datacenters.administer")
        sent = serializers.ShareInput(data=request.data)
        sent.is_valid(raise_exception=True)
        cluster = cluster_update(actor=request.user, cluster=cluster_of(site), **sent.validated_data)
        site_reconcile(actor=request.user, site=site)  # type: ignore[arg-type]
        return Response(serializers.ShareSerializer(cluster).data)
