"""Preflights over the API, for those who run the sites."""

from typing import Any

from django.db import models
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from datacenters.models import Cluster
from portal.foundation.api import ScopedViewSet
from portal.foundation.errors import NotVisible
from portal.foundation.policies import require
from scheduler_bridge.models import PreflightRun
from scheduler_bridge.sites.preflight import selectors, services
from scheduler_bridge.sites.preflight.api import serializers


class _OfCluster(ScopedViewSet):
    """Everything here is about the cluster of the site in the address."""

    selector = selectors.visible_to
    queryset = PreflightRun.objects.none()  # Tells the schema what kind of thing this is.

    def managed_cluster(self) -> Cluster:
        """Raises Http404, NotAllowed."""
        clusters = Cluster.objects.select_related("site")
        cluster: Cluster = get_object_or_404(clusters, site__code=self.kwargs["code"])
        require(self.request.user, "datacenters.manage_site", cluster.site)
        return cluster


class PreflightViewSet(ListModelMixin, RetrieveModelMixin, _OfCluster):
    """What was found at the site's cluster, newest first."""

    serializer_class = serializers.PreflightSerializer
    lookup_url_kwarg = "preflight"

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return PreflightRun.objects.none()
        return super().get_queryset().filter(cluster=self.managed_cluster())

    @extend_schema(request=None, responses={202: serializers.PreflightSerializer})
    def create(self, request: Request, code: str) -> Response:
        """Have the preflight run; one that is at work is returned instead. Its lines come one by one."""
        run = services.preflight_start(actor=request.user, cluster=self.managed_cluster())  # type: ignore[arg-type]
        return Response(self.get_serializer(run).data, status=status.HTTP_202_ACCEPTED)


class ClusterViewSet(_OfCluster):
    """What a site shows of its Slurm's configuration, and switching its cluster on."""

    serializer_class = serializers.SlurmConfigSerializer

    @extend_schema(responses=serializers.SlurmConfigSerializer)
    def show_config(self, request: Request, code: str) -> Response:
        """What the site last pasted, as far as it is kept."""
        report = selectors.config_report(self.managed_cluster())
        if report is None:
            raise NotVisible
        return Response(self.get_serializer(report).data)

    @extend_schema(request=serializers.SlurmConfigInput, responses=serializers.SlurmConfigSerializer)
    def report_config(self, request: Request, code: str) -> Response:
        """Paste the output of `scontrol show config`; only what the preflight needs is kept."""
        cluster = self.managed_cluster()
        sent = serializers.SlurmConfigInput(data=request.data)
        sent.is_valid(raise_exception=True)
        report = services.slurm_config_report(
            actor=request.user,  # type: ignore[arg-type]
            cluster=cluster,
            text=sent.validated_data["text"],
        )
        return Response(self.get_serializer(report).data)

    @extend_schema(request=serializers.SwitchOnInput, responses=serializers.SwitchedSerializer)
    def switch_on(self, request: Request, code: str) -> Response:
        """Have jobs sent to the cluster. Where the preflight says no (409), give a `reason`."""
        cluster = self.managed_cluster()
        sent = serializers.SwitchOnInput(data=request.data)
        sent.is_valid(raise_exception=True)
        switched = services.cluster_switch_on(
            actor=request.user,  # type: ignore[arg-type]
            cluster=cluster,
            reason=sent.validated_data["reason"],
        )
        return Response(serializers.SwitchedSerializer(switched).data)
