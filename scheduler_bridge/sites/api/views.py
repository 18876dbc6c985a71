"""Site logins over the API, for those who run the sites; everybody sees their own."""

from typing import Any

from django.db import models
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet
from portal.foundation.policies import require
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites import selectors
from scheduler_bridge.sites.api.serializers import SiteLoginInput, SiteLoginSerializer
from scheduler_bridge.sites.filtersets import SiteLoginFilters
from scheduler_bridge.sites.logins import login_link, login_unlink


class SiteLoginViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """Whose Linux user is whose. A link is named by its site and its person."""

    selector = selectors.logins_visible_to
    serializer_class = SiteLoginSerializer
    filterset_class = SiteLoginFilters
    queryset = SiteLogin.objects.none()  # Tells the schema what kind of thing this is.

    def get_queryset(self) -> models.QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return SiteLogin.objects.none()
        return super().get_queryset()

    def get_object(self) -> SiteLogin:
        found: SiteLogin = get_object_or_404(
            self.get_queryset(), site__code=self.kwargs["site"], user__code=self.kwargs["user"]
        )
        return found

    @extend_schema(request=SiteLoginInput, responses={201: SiteLoginSerializer})
    def create(self, request: Request) -> Response:
        """Link a person, by e-mail address, to a login at a site."""
        sent = SiteLoginInput(data=request.data)
        sent.is_valid(raise_exception=True)
        data = sent.validated_data
        # Who may link is asked before who has signed up is told.
        require(request.user, "datacenters.manage_site", data["site"])
        link = login_link(
            actor=request.user,  # type: ignore[arg-type]
            user=selectors.person_at(data["email"]),
            site=data["site"],
            login=data["login"],
        )
        return Response(self.get_serializer(link).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, site: str, user: str) -> Response:
        """End the link; the login is shut out of every Slurm account that it could use."""
        login_unlink(actor=request.user, link=self.get_object())  # type: ignore[arg-type]
        return Response(status=status.HTTP_204_NO_CONTENT)
