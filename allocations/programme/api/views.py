"""Requests over the API: write, submit, withdraw, decide."""

from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from allocations.programme import selectors, services
from allocations.programme.api.deciding import DecidingMixin
from allocations.programme.api.serializers import (
    RequestDetailSerializer,
    RequestSerializer,
    WithdrawInput,
)
from allocations.programme.api.writing import WritingMixin
from allocations.programme.filtersets import RequestFilters
from allocations.programme.models import AllocationRequest

shows = RequestDetailSerializer


class RequestViewSet(ListModelMixin, RetrieveModelMixin, WritingMixin, DecidingMixin):
    """Requests for GPU-hours."""

    selector = selectors.detailed
    filterset_class = RequestFilters
    queryset = AllocationRequest.objects.none()  # Tells the schema what kind of thing this is.

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return RequestSerializer if self.action == "list" else RequestDetailSerializer

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return AllocationRequest.objects.none()
        if self.action == "list":
            user = self.request.user
            return selectors.with_duty(selectors.with_decisions(selectors.visible_to(user)), user)
        return super().get_queryset()

    @extend_schema(request=WithdrawInput, responses=shows)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """Take it back for good."""
        target = self.get_object()
        sent = self._sent(WithdrawInput).validated_data
        return self._shown(services.request_withdraw(actor=self.actor, request=target, **sent))

    def _sent(self, kind: type[Any], partial: bool = False) -> Any:
        sent = kind(data=self.request.data, partial=partial, context=self.get_serializer_context())
        sent.is_valid(raise_exception=True)
        return sent

    def _shown(self, target: AllocationRequest, status: int = status.HTTP_200_OK) -> Response:
        fresh = self.get_queryset().get(pk=target.pk)
        return Response(self.get_serializer(fresh).data, status=status)
