"""Jobs over the API: list, look, reckon, send, cancel."""

from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from portal.foundation.api import ScopedViewSet
from portal.foundation.policies import require
from scheduler_bridge.jobs import selectors, services
from scheduler_bridge.jobs.api.serializers import (
    CancelInput,
    CostSerializer,
    JobDetailSerializer,
    JobInput,
    JobSerializer,
    SizeInput,
)
from scheduler_bridge.jobs.filtersets import JobFilters
from scheduler_bridge.jobs.sizing import estimate
from scheduler_bridge.models import Job

shows = JobDetailSerializer


class JobViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """Jobs of the projects that the caller may see, and of sites that the caller runs."""

    selector = selectors.detailed
    filterset_class = JobFilters
    queryset = Job.objects.none()  # Tells the schema what kind of thing this is.

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return JobSerializer if self.action == "list" else JobDetailSerializer

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Job.objects.none()
        return selectors.listed(self.request.user) if self.action == "list" else super().get_queryset()

    @extend_schema(request=JobInput, responses={201: shows})
    def create(self, request: Request) -> Response:
        """Send a job: its budget is held, and a worker passes it to the site."""
        sent = self._sent(JobInput)
        job = services.job_submit(
            actor=request.user,  # type: ignore[arg-type]
            allocation=sent.validated_data["allocation"],
            title=sent.validated_data["title"],
            script=sent.validated_data["script"],
            size=sent.size,
        )
        return self._shown(job, status.HTTP_201_CREATED)

    @extend_schema(request=SizeInput, responses=CostSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def cost(self, request: Request) -> Response:
        """What a job of this size could cost. Refused where it can't be sent, or above one's cap."""
        sent = self._sent(SizeInput)
        allocation = sent.validated_data["allocation"]
        require(request.user, "bridge.submit_job", allocation)
        reckoned = estimate(request.user, allocation, sent.size)
        if reckoned.refusal:
            raise reckoned.refusal
        return Response(CostSerializer(reckoned.cost).data)

    @extend_schema(request=CancelInput, responses=shows)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Cancel at once what was never sent; ask the site to cancel the rest."""
        job = self.get_object()
        sent = self._sent(CancelInput).validated_data
        return self._shown(services.job_cancel(actor=request.user, job=job, **sent))  # type: ignore[arg-type]

    def _sent(self, kind: type[Any]) -> Any:
        sent = kind(data=self.request.data, context=self.get_serializer_context())
        sent.is_valid(raise_exception=True)
        return sent

    def _shown(self, job: Job, status: int = status.HTTP_200_OK) -> Response:
        fresh = self.get_queryset().get(pk=job.pk)
        return Response(self.get_serializer(fresh).data, status=status)
