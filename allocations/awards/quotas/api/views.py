"""Quotas and programmes over the API."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED

from allocations.awards.capacity import coming_quarters
from allocations.awards.quotas import selectors, services
from allocations.awards.quotas.api.serializers import (
    EndorseInput,
    EndorsementSerializer,
    EndorsementWithdrawal,
    ProgrammeInput,
    ProgrammeSerializer,
    QuotaChange,
    QuotaInput,
    QuotaReason,
    QuotaSerializer,
)
from allocations.awards.quotas.filtersets import ProgrammeFilters, QuotaFilters
from allocations.awards.quotas.models import Quota
from portal.foundation.api import ScopedViewSet, given
from portal.foundation.policies import require
from portal.people.models import Programme
from portal.people.services import programmes


class QuotaViewSet(ScopedViewSet):
    """Caps and floors. A row is never changed: it ends, and the next of its series begins."""

    selector = selectors.visible_to
    serializer_class = QuotaSerializer
    filterset_class = QuotaFilters
    queryset = Quota.objects.none()

    def list(self, request: Request) -> Response:
        """Those that hold now or will."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self._shown(list(page)))

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self._shown([self.get_object()])[0])

    @extend_schema(request=QuotaInput, responses={201: QuotaSerializer})
    def create(self, request: Request) -> Response:
        """Set a quota. For programme admins; for site managers, of their resources."""
        quota = services.quota_set(actor=request.user, **given(QuotaInput, request))
        return Response(self._shown([quota])[0], status=HTTP_201_CREATED)

    @extend_schema(request=QuotaChange, responses=QuotaSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, code: str) -> Response:
        """End this row and begin the next of its series."""
        quota = self.get_object()
        changed = services.quota_change(actor=request.user, quota=quota, **given(QuotaChange, request))
        return Response(self._shown([changed])[0])

    @extend_schema(request=QuotaReason, responses=QuotaSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, code: str) -> Response:
        """It holds no longer."""
        quota = self.get_object()
        ended = services.quota_end(actor=request.user, quota=quota, **given(QuotaReason, request))
        return Response(self._shown([ended])[0])

    @extend_schema(responses=QuotaSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def history(self, request: Request, code: str) -> Response:
        """Every row of its series, the latest first."""
        return Response(self._shown(list(selectors.history_of(self.get_object()))))

    def _shown(self, quotas: Sequence[Quota]) -> Any:
        shares: dict[int, Any] = {}
        for share in selectors.shares_of(quotas, quarters=coming_quarters()):
            shares.setdefault(share.quota.pk, []).append(share)
        context = {**self.get_serializer_context(), "shares": shares}
        return QuotaSerializer(quotas, many=True, context=context).data


class ProgrammeViewSet(ScopedViewSet):
    """Bodies that stand for organisations and projects: centres, zones, funds, working groups."""

    selector = selectors.programmes_visible_to
    serializer_class = ProgrammeSerializer
    filterset_class = ProgrammeFilters
    queryset = Programme.objects.none()

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self._shown(list(page)))

    def retrieve(self, request: Request, code: str) -> Response:
        return Response(self._shown([self.get_object()])[0])

    @extend_schema(request=ProgrammeInput, responses={201: ProgrammeSerializer})
    def create(self, request: Request) -> Response:
        """Add a programme. For programme admins."""
        require(request.user, "people.administer")
        made = programmes.programme_create(actor=request.user, **self._people(given(ProgrammeInput, request)))
        return Response(self._shown([made])[0], status=HTTP_201_CREATED)

    @extend_schema(request=ProgrammeInput, responses=ProgrammeSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change what is said about it, and who coordinates it. For programme admins."""
        body = self.get_object()
        require(request.user, "people.administer")
        sent = ProgrammeInput(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        fields = self._people(sent.validated_data)
        programmes.programme_update(actor=request.user, programme=body, **fields)
        return Response(self._shown([self.get_object()])[0])

    @extend_schema(request=QuotaReason, responses=ProgrammeSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, code: str) -> Response:
        """It endorses nothing further. For programme admins."""
        body = self.get_object()
        closed = programmes.programme_close(actor=request.user, programme=body, **given(QuotaReason, request))
        return Response(self._shown([closed])[0])

    @extend_schema(request=EndorseInput, responses={201: EndorsementSerializer})
    @action(detail=True, methods=["post"])
    def endorse(self, request: Request, code: str) -> Response:
        """The programme stands for an organisation or one project. For its coordinators."""
        body = self.get_object()
        require(request.user, "people.coordinate_programme", body)
        sent = given(EndorseInput, request)
        if "project" in sent:
            sent["project"] = services.project_named(sent["project"])
            row: Any = services.project_endorse(actor=request.user, programme=body, **sent)
        else:
            row = programmes.organisation_endorse(actor=request.user, programme=body, **sent)
        return Response(EndorsementSerializer(row).data, status=HTTP_201_CREATED)

    @extend_schema(request=EndorsementWithdrawal, responses={204: None})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """It no longer stands for it. For its coordinators."""
        body = self.get_object()
        require(request.user, "people.coordinate_programme", body)
        sent = given(EndorsementWithdrawal, request)
        row = selectors.endorsement_named(body, sent["endorsement"])
        if row is None:
            raise Http404
        programmes.endorsement_withdraw(actor=request.user, endorsement=row, reason=sent["reason"])
        return Response(status=204)

    @staticmethod
    def _people(sent: dict[str, Any]) -> dict[str, Any]:
        """People come by address."""
        if "coordinators" in sent:
            sent["coordinators"] = programmes.people_at(sent["coordinators"])
        return sent

    def _shown(self, bodies: Sequence[Programme]) -> Any:
        figures = selectors.programme_quarters(bodies, coming_quarters())
        quarters = {body.pk: of_body for body, of_body in figures.items()}
        context = {**self.get_serializer_context(), "quarters": quarters}
        return ProgrammeSerializer(bodies, many=True, context=context).data
