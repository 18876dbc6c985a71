"""Requests to manage an organisation that nobody manages, over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet, given
from portal.people.models import OwnershipRequest
from portal.people.selectors import ownership_requests_visible_to
from portal.people.services import ownership


class OwnershipReason(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True, max_length=2000)


class OwnershipAnswer(serializers.Serializer[Any]):
    reason = serializers.CharField(allow_blank=True, default="", max_length=2000)


class OwnershipSerializer(serializers.ModelSerializer[OwnershipRequest]):
    organisation = serializers.CharField(source="organisation.code")
    organisation_name = serializers.CharField(source="organisation.name")
    user = serializers.CharField(source="user.code")
    user_name = serializers.CharField(source="user.name")
    standing = serializers.CharField(source="state", help_text="pending, confirmed, declined or withdrawn.")

    class Meta:
        model = OwnershipRequest
        fields = [
            "code",
            "organisation",
            "organisation_name",
            "user",
            "user_name",
            "reason",
            "standing",
            "answer",
            "created_at",
            "decided_at",
        ]
        read_only_fields = fields


class OwnershipViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """What you asked; programme admins see all, and answer."""

    selector = ownership_requests_visible_to
    queryset = OwnershipRequest.objects.none()
    serializer_class = OwnershipSerializer

    @extend_schema(request=OwnershipAnswer, responses=OwnershipSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, **kwargs: Any) -> Response:
        """Make them the owner. For programme admins who have no part in the organisation."""
        asked = self.get_object()
        fields = given(OwnershipAnswer, request)
        done = ownership.ownership_confirm(actor=request.user, asked=asked, **fields)
        return Response(OwnershipSerializer(done).data)

    @extend_schema(request=OwnershipReason, responses=OwnershipSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, **kwargs: Any) -> Response:
        """Say no, and why. For programme admins who have no part in the organisation."""
        asked = self.get_object()
        fields = given(OwnershipReason, request)
        done = ownership.ownership_decline(actor=request.user, asked=asked, **fields)
        return Response(OwnershipSerializer(done).data)

    @extend_schema(request=None, responses=OwnershipSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, **kwargs: Any) -> Response:
        """Take a request of your own back."""
        done = ownership.ownership_withdraw(actor=request.user, asked=self.get_object())
        return Response(OwnershipSerializer(done).data)
