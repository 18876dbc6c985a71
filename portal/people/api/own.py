"""Oneself and one's tokens over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet
from portal.foundation.models import IdempotencyKey
from portal.people.api.serializers import (
    MeSerializer,
    ProfileInput,
    TokenInput,
    TokenMadeSerializer,
    TokenSerializer,
)
from portal.people.models import ApiToken, User
from portal.people.selectors import tokens_of
from portal.people.services.tokens import token_create, token_revoke
from portal.people.services.users import profile_change


class Me(GenericAPIView[User]):
    """Who you are, where you belong, what you may be asked to decide."""

    serializer_class = MeSerializer

    def get(self, request: Request) -> Response:
        viewer: Any = request.user
        user = User.objects.prefetch_related("memberships__organisation").get(pk=viewer.pk)
        return Response(MeSerializer(user).data)

    @extend_schema(request=ProfileInput, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Change your name or language."""
        user: Any = request.user
        given = ProfileInput(data=request.data)
        given.is_valid(raise_exception=True)
        fields = {"name": user.name, "language": user.language} | given.validated_data
        return Response(MeSerializer(profile_change(actor=user, **fields)).data)


class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """Your API tokens. The token itself is shown once, in the reply that makes it."""

    selector = tokens_of
    queryset = ApiToken.objects.none()
    serializer_class = TokenSerializer

    @extend_schema(request=TokenInput, responses={201: TokenMadeSerializer})
    def create(self, request: Request) -> Response:
        """Make a token. Asked for with a token, the new one can't outlive it."""
        given = TokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        asking = request.auth.expiry if isinstance(request.auth, ApiToken) else None
        row, secret = token_create(actor=request.user, until=asking, **given.validated_data)
        reply = TokenSerializer(row).data | {"token": secret}
        return Response(reply, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Revoke a token; it stops working at once."""
        token_revoke(actor=request.user, token=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @staticmethod
    def _keep(entry: IdempotencyKey, response: Response) -> None:
        """Never keep a reply that holds a token. A repeat is refused anyway: the name is taken."""
        entry.delete()
