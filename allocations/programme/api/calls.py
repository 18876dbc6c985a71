"""Calls over the API: read by everybody, written by programme admins, decided by those who decide."""

from typing import Any

from django.db import models
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from allocations.programme import papers, selectors, services
from allocations.programme.api import calls_serializers as shapes
from allocations.programme.api.tracks import PublicViewSet
from allocations.programme.filtersets import CallFilters
from allocations.programme.models import Call
from portal.foundation.api import given
from portal.foundation.policies import require

DOCUMENT = r"documents/(?P<document>[a-z0-9-]+)"


class CallViewSet(PublicViewSet):
    """Calls for proposals."""

    selector = selectors.calls_visible_to
    filterset_class = CallFilters
    queryset = Call.objects.none()  # Tells the schema what kind of thing this is.

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return shapes.CallSerializer if self.action == "list" else shapes.CallDetailSerializer

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Call.objects.none()
        return super().get_queryset()

    @extend_schema(request=shapes.CallInput, responses={201: shapes.CallDetailSerializer})
    def create(self, request: Request) -> Response:
        """Begin a call; nobody else sees it until it is published. For programme admins."""
        made = services.call_create(actor=self.actor, **given(shapes.CallInput, request))
        return self._shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=shapes.CallInput, responses=shapes.CallDetailSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change a call; once it has opened, its words, and its dates to later ones. For programme admins."""
        call = self.get_object()
        sent = shapes.CallInput(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        return self._shown(services.call_update(actor=self.actor, call=call, **sent.validated_data))

    @extend_schema(request=None, responses=shapes.CallDetailSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, code: str) -> Response:
        """Show it to everybody. For programme admins."""
        return self._shown(services.call_publish(actor=self.actor, call=self.get_object()))

    @extend_schema(request=None, responses=shapes.CallDetailSerializer)
    @action(detail=True, methods=["post"], url_path="publish-results")
    def publish_results(self, request: Request, code: str) -> Response:
        """Make public what was decided, once nothing of it is pending. For programme admins."""
        return self._shown(services.call_publish_results(actor=self.actor, call=self.get_object()))

    @extend_schema(request=shapes.CallBudgetInput, responses=shapes.CallDetailSerializer)
    @action(detail=True, methods=["post"])
    def budget(self, request: Request, code: str) -> Response:
        """Bound what the call's awards on a resource may come to. For programme admins."""
        call = self.get_object()
        services.call_budget_set(actor=self.actor, call=call, **given(shapes.CallBudgetInput, request))
        return self._shown(call)

    @extend_schema(request=shapes.CallDocumentInput, responses={201: shapes.CallDocumentSerializer})
    @action(detail=True, methods=["post"], parser_classes=[MultiPartParser])
    def documents(self, request: Request, code: str) -> Response:
        """Add a PDF. For programme admins."""
        call = self.get_object()
        require(self.actor, "programme.administer")
        sent = given(shapes.CallDocumentInput, request)
        made = services.call_document_add(
            actor=self.actor, call=call, title=sent["title"], upload=sent["file"]
        )
        return Response(shapes.CallDocumentSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={(200, "application/pdf"): OpenApiResponse(bytes), 204: None})
    @action(detail=True, methods=["get", "delete"], url_path=DOCUMENT, url_name="document")
    def document(self, request: Request, code: str, document: str) -> Any:
        """The PDF itself; DELETE takes it away, for programme admins."""
        found = get_object_or_404(self.get_object().documents, code=document)
        if request.method == "DELETE":
            services.call_document_remove(actor=self.actor, document=found)
            return Response(status=status.HTTP_204_NO_CONTENT)
        return papers.response_of(found.file, name=found.code)

    @extend_schema(request=shapes.CallDecideInput, responses=shapes.OutcomeSerializer(many=True))
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, code: str) -> Response:
        """Decide several requests; each stands or falls by itself, and says so in the reply."""
        call = self.get_object()
        sent = given(shapes.CallDecideInput, request)["rows"]
        rows = {row["request"]: {key: row[key] for key in row if key != "request"} for row in sent}
        outcomes = services.call_decide(actor=self.actor, call=call, rows=rows)
        return Response(shapes.OutcomeSerializer(outcomes, many=True).data)

    def _shown(self, call: Call, status: int = status.HTTP_200_OK) -> Response:
        fresh = self.get_queryset().get(pk=call.pk)
        return Response(self.get_serializer(fresh).data, status=status)
