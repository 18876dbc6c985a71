"""Writing a request over the API: drafts with their lines, runs and attachments; handing them in."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.programme import choices, papers, services
from allocations.programme.api.serializers import RequestDetailSerializer
from allocations.programme.api.writing_serializers import (
    AttachmentInput,
    AttachmentSerializer,
    RequestInput,
    SubmitInput,
)
from portal.foundation.api import ScopedViewSet
from portal.people.services.terms import consent_give

shows = RequestDetailSerializer
PAPER = r"attachments/(?P<attachment>[a-z0-9-]+)"


class WritingMixin(ScopedViewSet):
    """Actions of those who lead the project. `_sent` and `_shown` are the view set's own."""

    _sent: Callable[..., Any]
    _shown: Callable[..., Response]

    @property
    def actor(self) -> Any:
        return self.request.user

    @extend_schema(request=RequestInput, responses={201: shows})
    def create(self, request: Request) -> Response:
        """Begin a draft."""
        sent = self._sent(RequestInput)
        made = services.request_create(actor=self.actor, **sent.typed())
        return self._shown(made, status.HTTP_201_CREATED)

    @extend_schema(request=RequestInput, responses=shows)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change a draft or a returned request; what isn't sent stays. Lines and runs come all together."""
        target = self.get_object()
        sent = self._sent(RequestInput, partial=True)
        services.request_update(actor=self.actor, request=target, **sent.typed())
        return self._shown(target)

    @extend_schema(request=SubmitInput, responses=shows)
    @action(detail=True, methods=["post"])
    @transaction.atomic
    def submit(self, request: Request, code: str) -> Response:
        """Hand it in for decision."""
        target = self.get_object()
        if self._sent(SubmitInput).validated_data.get("consent"):
            consent_give(self.actor)
        return self._shown(services.request_submit(actor=self.actor, request=target))

    @extend_schema(request=AttachmentInput, responses={201: AttachmentSerializer})
    @action(detail=True, methods=["post"], parser_classes=[MultiPartParser])
    def attachments(self, request: Request, code: str) -> Response:
        """Attach a PDF."""
        target = self.get_object()
        sent = dict(self._sent(AttachmentInput).validated_data)
        made = services.attachment_add(actor=self.actor, request=target, upload=sent.pop("file"), **sent)
        return Response(AttachmentSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={(200, "application/pdf"): OpenApiResponse(bytes), 204: None})
    @action(detail=True, methods=["get", "delete"], url_path=PAPER, url_name="attachment")
    def attachment(self, request: Request, code: str, attachment: str) -> Any:
        """The PDF; or take it away while the request may be written."""
        found = get_object_or_404(
            choices.attachments_visible_to(request.user), code=attachment, request__code=code
        )
        if request.method == "DELETE":
            services.attachment_remove(actor=self.actor, attachment=found)
            return Response(status=status.HTTP_204_NO_CONTENT)
        return papers.response_of(found.file, name=found.code)
