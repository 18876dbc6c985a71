"""How awards are decided, over the API: read by everybody, changed by programme admins."""

from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.programme import selectors, services
from allocations.programme.api.tracks_serializers import (
    RubricSerializer,
    TrackChangeInput,
    TrackOpenInput,
    TrackSerializer,
    TrackVersionSerializer,
)
from allocations.programme.models import Rubric, Track
from portal.foundation.api import ScopedViewSet, given
from portal.foundation.policies import require


class PublicViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """Read by everybody."""

    permission_classes = [IsAuthenticatedOrReadOnly]

    @property
    def actor(self) -> Any:
        return self.request.user


class TrackViewSet(PublicViewSet):
    """The programme's tracks, each with the version in force."""

    selector = selectors.tracks_visible_to
    serializer_class = TrackSerializer
    filterset_fields = ["is_open"]
    queryset = Track.objects.none()  # Tells the schema what kind of thing this is.

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().prefetch_related("versions__steps", "versions__rubric")

    @extend_schema(methods=["get"], responses=TrackVersionSerializer(many=True))
    @extend_schema(methods=["post"], request=TrackChangeInput, responses={201: TrackVersionSerializer})
    @action(detail=True, methods=["get", "post"], filterset_fields=None)
    def versions(self, request: Request, code: str) -> Response:
        """Every version, the one in force first; POST puts a new one in force. For programme admins."""
        track = self.get_object()
        if request.method == "POST":
            require(self.actor, "programme.administer")
            sent = TrackChangeInput(data=request.data)
            sent.is_valid(raise_exception=True)
            made = services.track_change(actor=self.actor, track=track, **sent.typed())
            return Response(TrackVersionSerializer(made).data, status=status.HTTP_201_CREATED)
        page = self.paginate_queryset(track.versions.select_related("rubric").prefetch_related("steps"))
        return self.get_paginated_response(TrackVersionSerializer(page, many=True).data)

    @extend_schema(request=TrackOpenInput, responses=TrackSerializer)
    @action(detail=True, methods=["post"])
    def opening(self, request: Request, code: str) -> Response:
        """Let it take requests, or no more. For programme admins."""
        track = self.get_object()
        services.track_set_open(actor=self.actor, track=track, **given(TrackOpenInput, request))
        return Response(self.get_serializer(self.get_object()).data)


class RubricViewSet(PublicViewSet):
    """By what reviewers judge."""

    selector = selectors.rubrics_visible_to
    serializer_class = RubricSerializer
    queryset = Rubric.objects.none()

    @extend_schema(request=RubricSerializer, responses={201: RubricSerializer})
    def create(self, request: Request) -> Response:
        """Make a rubric. For programme admins."""
        sent = {"name_ur": "", **given(RubricSerializer, request)}
        sent["criteria"] = [dict(criterion) for criterion in sent["criteria"]]
        made = services.rubric_create(actor=self.actor, **sent)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)
