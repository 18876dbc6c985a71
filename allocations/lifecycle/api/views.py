"""Changes, reports and appeals over the API."""

from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.lifecycle import selectors, services
from allocations.lifecycle.api import serializers as shapes
from allocations.lifecycle.filtersets import AppealFilters, ChangeFilters, ReportFilters
from allocations.lifecycle.models import AllocationReport, Appeal, ChangeRequest
from portal.foundation.api import ScopedViewSet


class Things(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """What the three viewsets share: a list, one with its actions, and what is sent."""

    detail_serializer: type[Any]

    @property
    def actor(self) -> Any:
        return self.request.user

    def get_serializer_class(self) -> type[Any]:
        listed: type[Any] = self.serializer_class  # type: ignore[assignment]
        return listed if self.action == "list" else self.detail_serializer

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return type(self).queryset.none()  # type: ignore[union-attr]
        return super().get_queryset()

    def sent(self, kind: type[Any]) -> Any:
        sent = kind(data=self.request.data, context=self.get_serializer_context())
        sent.is_valid(raise_exception=True)
        return sent

    def shown(self, thing: models.Model, code: int = status.HTTP_200_OK) -> Response:
        fresh = self.get_queryset().get(pk=thing.pk)
        return Response(self.get_serializer(fresh).data, status=code)


class ChangeViewSet(Things):
    """Changes of allocations: more, longer, move, give back."""

    selector = selectors.changes_detailed
    filterset_class = ChangeFilters
    serializer_class = shapes.ChangeSerializer
    detail_serializer = shapes.ChangeDetailSerializer
    queryset = ChangeRequest.objects.none()  # Tells the schema what kind of thing this is.

    @extend_schema(request=shapes.ChangeInput, responses={201: shapes.ChangeDetailSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a change; what a rule grants is done at once, and the state says so."""
        typed = self.sent(shapes.ChangeInput).typed()
        return self.shown(services.change_ask(actor=self.actor, **typed), status.HTTP_201_CREATED)

    @extend_schema(request=shapes.ChangeDecisionInput, responses=shapes.ChangeDetailSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, code: str) -> Response:
        """Approve or decline."""
        target = self.get_object()
        typed = self.sent(shapes.ChangeDecisionInput).validated_data
        return self.shown(services.change_decide(actor=self.actor, change=target, **typed))

    @extend_schema(request=None, responses=shapes.ChangeDetailSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """Take it back before it is decided."""
        return self.shown(services.change_withdraw(actor=self.actor, change=self.get_object()))


class AllocationReportViewSet(Things):
    """Progress and final reports that allocations owe."""

    selector = selectors.reports_visible_to
    filterset_class = ReportFilters
    serializer_class = shapes.AllocationReportSerializer
    detail_serializer = shapes.AllocationReportDetailSerializer
    queryset = AllocationReport.objects.none()

    @extend_schema(request=shapes.ReportInput, responses=shapes.AllocationReportDetailSerializer)
    @action(detail=True, methods=["post"])
    def write(self, request: Request, code: str) -> Response:
        """Keep what is written so far, or hand it in."""
        target = self.get_object()
        typed = self.sent(shapes.ReportInput).validated_data
        return self.shown(services.report_write(actor=self.actor, report=target, **typed))

    @extend_schema(request=shapes.ReportAnswerInput, responses=shapes.AllocationReportDetailSerializer)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, code: str) -> Response:
        """Accept it, or return it with a question."""
        target = self.get_object()
        typed = self.sent(shapes.ReportAnswerInput).validated_data
        return self.shown(services.report_answer(actor=self.actor, report=target, **typed))


class AppealViewSet(Things):
    """Appeals against decisions."""

    selector = selectors.appeals_visible_to
    filterset_class = AppealFilters
    serializer_class = shapes.AppealSerializer
    detail_serializer = shapes.AppealDetailSerializer
    queryset = Appeal.objects.none()

    @extend_schema(request=shapes.AppealInput, responses={201: shapes.AppealDetailSerializer})
    def create(self, request: Request) -> Response:
        """Appeal against a decline or a partial award, once a decision."""
        typed = self.sent(shapes.AppealInput).validated_data
        subject = typed.get("request") or typed["change"]
        made = services.appeal_file(actor=self.actor, subject=subject, grounds=typed["grounds"])
        return self.shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=shapes.AppealDecisionInput, responses=shapes.AppealDetailSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, code: str) -> Response:
        """Uphold or dismiss it."""
        target = self.get_object()
        typed = self.sent(shapes.AppealDecisionInput).validated_data
        return self.shown(services.appeal_decide(actor=self.actor, appeal=target, **typed))

    @extend_schema(request=None, responses=shapes.AppealDetailSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """Take it back; the decision stands."""
        return self.shown(services.appeal_withdraw(actor=self.actor, appeal=self.get_object()))
