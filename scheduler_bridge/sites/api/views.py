"""Site logins over the API: everybody's own, and all of a site for those who run it."""

from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet
from portal.foundation.policies import require
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites import selectors
from scheduler_bridge.sites.api.serializers import (
    ImportInput,
    ImportSerializer,
    SiteLoginInput,
    SiteLoginSerializer,
)
from scheduler_bridge.sites.filtersets import SiteLoginFilters
from scheduler_bridge.sites.login_import import logins_import
from scheduler_bridge.sites.logins import (
    login_ask,
    login_confirm,
    login_decline,
    login_end,
    login_propose,
)


class SiteLoginViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """Whose Linux user is whose: one side names a login, the other confirms it."""

    selector = selectors.logins_visible_to
    serializer_class = SiteLoginSerializer
    filterset_class = SiteLoginFilters
    queryset = SiteLogin.objects.none()  # Tells the schema what kind of thing this is.

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return SiteLogin.objects.none()
        return super().get_queryset()

    @property
    def actor(self) -> Any:
        return self.request.user

    @extend_schema(request=SiteLoginInput, responses={201: SiteLoginSerializer})
    def create(self, request: Request) -> Response:
        """Ask for one's own login, or propose one to its person, named by e-mail address."""
        sent = SiteLoginInput(data=request.data)
        sent.is_valid(raise_exception=True)
        site, login = sent.validated_data["site"], sent.validated_data["login"]
        email = sent.validated_data.get("email", self.actor.email)
        if email.lower() == self.actor.email.lower():
            link = login_ask(actor=self.actor, site=site, login=login)
        else:
            # Who may propose is asked before who has signed up is told.
            require(self.actor, "datacenters.manage_site", site)
            user = selectors.person_at(email)
            link = login_propose(actor=self.actor, user=user, site=site, login=login)
        return Response(self.get_serializer(link).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=SiteLoginSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, code: str) -> Response:
        """Agree with what the other side said: the person, or one of the site's managers."""
        return Response(self.get_serializer(login_confirm(actor=self.actor, link=self.get_object())).data)

    @extend_schema(request=None, responses=SiteLoginSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, code: str) -> Response:
        """Say that it isn't so, or take back what one said."""
        return Response(self.get_serializer(login_decline(actor=self.actor, link=self.get_object())).data)

    @extend_schema(request=None, responses=SiteLoginSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, code: str) -> Response:
        """End a confirmed link; the login is shut out of every Slurm account that it could use."""
        return Response(self.get_serializer(login_end(actor=self.actor, link=self.get_object())).data)

    @extend_schema(request=ImportInput, responses=ImportSerializer)
    @action(detail=False, methods=["post"], url_path="import", filterset_class=None, pagination_class=None)
    def many(self, request: Request) -> Response:
        """Propose many at once. A wrong row, told with its fault, keeps no other from being proposed."""
        sent = ImportInput(data=request.data)
        sent.is_valid(raise_exception=True)
        done = logins_import(actor=self.actor, **sent.validated_data)
        return Response(ImportSerializer(done).data)
