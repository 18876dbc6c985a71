"""Allocations over the API: list, detail, and what site managers and programme admins do to them."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.awards import selectors, services
from allocations.awards.api.serializers import AdjustSerializer, AllocationSerializer, ReasonSerializer
from allocations.awards.filtersets import AllocationFilters
from allocations.awards.models import Allocation
from allocations.ledger.selectors import balances_of
from portal.foundation.api import ScopedViewSet
from portal.foundation.units import hours_to_seconds

reasoned = extend_schema(request=ReasonSerializer, responses=AllocationSerializer)


class AllocationViewSet(ScopedViewSet):
    """Budgets of GPU-seconds: a project's share of one resource for one period."""

    selector = selectors.detailed
    serializer_class = AllocationSerializer
    filterset_class = AllocationFilters
    queryset = Allocation.objects.none()  # Tells the schema what kind of thing this is.

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self._shown(page or [], many=True))

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self._shown(self.get_object()))

    @reasoned
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, code: str) -> Response:
        """No job starts until it is resumed."""
        return self._step(services.allocation_suspend)

    @reasoned
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, code: str) -> Response:
        """End a suspension."""
        return self._step(services.allocation_resume)

    @reasoned
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, code: str) -> Response:
        """End it for good; what is available goes back to the resource."""
        return self._step(services.allocation_revoke)

    @extend_schema(request=AdjustSerializer, responses=AllocationSerializer)
    @action(detail=True, methods=["post"])
    def adjust(self, request: Request, code: str) -> Response:
        """Add GPU-hours from the resource's free capacity, or take back what is available. For admins."""
        allocation = self.get_object()
        asked = AdjustSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        services.allocation_adjust(
            actor=request.user,  # type: ignore[arg-type]
            allocation=allocation,
            gpu_seconds=hours_to_seconds(asked.validated_data["gpu_hours"]),
            reason=asked.validated_data["reason"],
            key=str(uuid.uuid4()),  # repeats are caught by the Idempotency-Key of the request
        )
        return Response(self._shown(self.get_object()))

    def _step(self, service: Callable[..., Allocation]) -> Response:
        allocation = self.get_object()
        asked = ReasonSerializer(data=self.request.data)
        asked.is_valid(raise_exception=True)
        service(actor=self.request.user, allocation=allocation, reason=asked.validated_data["reason"])
        return Response(self._shown(self.get_object()))

    def _shown(self, shown: Any, many: bool = False) -> Any:
        codes = [allocation.code for allocation in shown] if many else [shown.code]
        context = {**self.get_serializer_context(), "balances": balances_of(codes)}
        return AllocationSerializer(shown, many=many, context=context).data

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Allocation.objects.none()
        return super().get_queryset()
