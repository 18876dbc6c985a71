"""The register of people over REST, for programme admins."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet
from portal.people.api.serializers import (
    PersonSerializer,
    ProgrammeRoleInput,
    ReasonInput,
    RevokeInput,
    ScopeInput,
)
from portal.people.filtersets import PersonFilter
from portal.people.models import User
from portal.people.selectors import people_visible_to
from portal.people.services import roles, users


class PersonViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """Everybody who signed up, with their roles: for programme admins; empty for others."""

    selector = people_visible_to
    queryset = User.objects.none()
    serializer_class = PersonSerializer
    filterset_class = PersonFilter

    def get_queryset(self) -> QuerySet[User]:
        return super().get_queryset().prefetch_related("auditor_scopes").order_by("name", "id")

    def _do(self, request: Request, shape: Any, change: Callable[..., Any]) -> Response:
        """Call `change(person, fields)` with the body in `shape`; reply with the person as they are then."""
        person = self.get_object()
        given = shape(data=request.data)
        given.is_valid(raise_exception=True)
        change(person, given.validated_data)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=ProgrammeRoleInput, responses=PersonSerializer)
    @action(detail=True, methods=["post"], url_path="grant-role")
    def grant_role(self, request: Request, **kwargs: Any) -> Response:
        """Give a programme-wide role."""
        actor: Any = request.user
        return self._do(
            request,
            ProgrammeRoleInput,
            lambda person, fields: roles.role_grant(actor=actor, user=person, **fields),
        )

    @extend_schema(request=RevokeInput, responses=PersonSerializer)
    @action(detail=True, methods=["post"], url_path="revoke-role")
    def revoke_role(self, request: Request, **kwargs: Any) -> Response:
        """Take a role away."""

        def change(person: User, fields: dict[str, Any]) -> None:
            role = get_object_or_404(person.programme_roles, code=fields["code"])
            roles.role_revoke(actor=request.user, role=role, reason=fields["reason"])

        return self._do(request, RevokeInput, change)

    @extend_schema(request=ScopeInput, responses=PersonSerializer)
    @action(detail=True, methods=["post"], url_path="grant-scope")
    def grant_scope(self, request: Request, **kwargs: Any) -> Response:
        """Widen what an auditor may read."""

        def change(person: User, fields: dict[str, Any]) -> None:
            code = fields.pop("of")
            roles.scope_grant(actor=request.user, user=person, code=code, **fields)

        return self._do(request, ScopeInput, change)

    @extend_schema(request=RevokeInput, responses=PersonSerializer)
    @action(detail=True, methods=["post"], url_path="revoke-scope")
    def revoke_scope(self, request: Request, **kwargs: Any) -> Response:
        """Narrow what an auditor may read."""

        def change(person: User, fields: dict[str, Any]) -> None:
            scope = get_object_or_404(person.auditor_scopes, public_code=fields["code"])
            roles.scope_revoke(actor=request.user, scope=scope, reason=fields["reason"])

        return self._do(request, RevokeInput, change)

    @extend_schema(request=ReasonInput, responses=PersonSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, **kwargs: Any) -> Response:
        """End somebody's access at once."""
        actor: Any = request.user
        return self._do(
            request,
            ReasonInput,
            lambda person, fields: users.user_deactivate(actor=actor, user=person, **fields),
        )

    @extend_schema(request=ReasonInput, responses=PersonSerializer)
    @action(detail=True, methods=["post"])
    def reactivate(self, request: Request, **kwargs: Any) -> Response:
        """Give access back."""
        actor: Any = request.user
        return self._do(
            request,
            ReasonInput,
            lambda person, fields: users.user_reactivate(actor=actor, user=person, **fields),
        )
