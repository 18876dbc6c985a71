"""Keys and uploads over the API, for those who run the sites."""

import dataclasses
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED

from portal.foundation.api import ScopedViewSet
from portal.foundation.policies import require
from scheduler_bridge.models import UsageKey, UsageUpload
from scheduler_bridge.transitions import UploadState
from scheduler_bridge.uploads import files, selectors
from scheduler_bridge.uploads.api.serializers import (
    AcceptInput,
    KeyRevokeInput,
    UploadInput,
    UploadSerializer,
    UsageKeyInput,
    UsageKeySerializer,
    VerdictSerializer,
)
from scheduler_bridge.uploads.filtersets import UploadFilters
from scheduler_bridge.uploads.keys import usage_key_register, usage_key_revoke
from scheduler_bridge.uploads.services import usage_accept, usage_discard, usage_upload, verdict_of


class Managed(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """What those who run a site see of it."""

    @property
    def actor(self) -> Any:
        return self.request.user


class UsageKeyViewSet(Managed):
    """Public keys by which an unbridged site's uploads are known to be its own."""

    selector = selectors.keys_visible_to
    serializer_class = UsageKeySerializer
    queryset = UsageKey.objects.none()  # Tells the schema what kind of thing this is.

    @extend_schema(request=UsageKeyInput, responses={201: UsageKeySerializer})
    def create(self, request: Request) -> Response:
        """Register a key."""
        sent = UsageKeyInput(data=request.data)
        sent.is_valid(raise_exception=True)
        key = usage_key_register(actor=self.actor, **sent.validated_data)
        return Response(self.get_serializer(key).data, status=HTTP_201_CREATED)

    @extend_schema(request=KeyRevokeInput, responses=UsageKeySerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, code: str) -> Response:
        """From now on nothing that it signed is taken."""
        key = self.get_object()
        sent = KeyRevokeInput(data=request.data)
        sent.is_valid(raise_exception=True)
        revoked = usage_key_revoke(actor=self.actor, key=key, **sent.validated_data)
        return Response(self.get_serializer(revoked).data)


class UsageUploadViewSet(Managed):
    """Signed tables of usage: checked when they come, charged when they are accepted."""

    selector = selectors.uploads_visible_to
    serializer_class = UploadSerializer
    filterset_class = UploadFilters
    queryset = UsageUpload.objects.none()

    @extend_schema(responses=VerdictSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One upload, with every fault of its rows."""
        return self._told(self.get_object())

    @extend_schema(request=UploadInput, responses={201: VerdictSerializer})
    def create(self, request: Request) -> Response:
        """Upload a signed table. Nothing is charged before it is accepted."""
        sent = UploadInput(data=request.data)
        sent.is_valid(raise_exception=True)
        require(self.actor, "datacenters.manage_site", sent.validated_data["site"])
        return self._told(usage_upload(actor=self.actor, **sent.validated_data), status=HTTP_201_CREATED)

    @extend_schema(request=AcceptInput, responses=VerdictSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, code: str) -> Response:
        """Charge the good rows."""
        upload = self.get_object()
        sent = AcceptInput(data=request.data)
        sent.is_valid(raise_exception=True)
        return self._told(usage_accept(actor=self.actor, upload=upload, **sent.validated_data))

    @extend_schema(request=None, responses=VerdictSerializer)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, code: str) -> Response:
        """Charge nothing of it."""
        return self._told(usage_discard(actor=self.actor, upload=self.get_object()))

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True)
    def file(self, request: Request, code: str) -> Any:
        """The table as it was signed, to the byte."""
        return files.original_of(self.get_object())

    def _told(self, upload: UsageUpload, status: int = 200) -> Response:
        told: dict[str, Any] = dict(UploadSerializer(upload).data)
        if upload.state == UploadState.CHECKED:
            verdict = verdict_of(upload)
            told |= {name: len(getattr(verdict, name)) for name in ("new", "changed", "known")}
            told |= {"wrong": verdict.wrong, "gpu_seconds": verdict.gpu_seconds, "mark": verdict.mark}
            faults = [dataclasses.asdict(fault) for fault in verdict.faults]
        else:
            faults = upload.faults
        return Response({"mark": "", **told, "faults": faults}, status=status)
