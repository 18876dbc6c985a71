"""What is done with a request over the API once it is submitted: check, answer, decide, ask, step aside."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.programme import selectors, services
from allocations.programme.api.deciding_serializers import (
    AskSiteInput,
    CheckInput,
    ConflictInput,
    ConsentInput,
    DecisionInput,
    LeaveWaitingListInput,
    MessageInput,
    MessageSerializer,
)
from allocations.programme.api.serializers import RequestDetailSerializer
from allocations.programme.models import Conflict, WaitingEntry
from allocations.programme.policies import may_read_internal
from portal.foundation.api import ScopedViewSet

shows = RequestDetailSerializer


class DecidingMixin(ScopedViewSet):
    """Actions of those whom a request waits for. `_sent` and `_shown` are the view set's own."""

    @property
    def actor(self) -> Any:
        return self.request.user

    @extend_schema(request=DecisionInput, responses=shows)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, code: str) -> Response:
        """Approve in full or in part, decline, or return it with a question."""
        target = self.get_object()
        sent = self._sent(DecisionInput).typed(target)
        return self._shown(services.request_decide(actor=self.actor, request=target, **sent).request)

    @extend_schema(request=CheckInput, responses=shows)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, code: str) -> Response:
        """Pass or fail the check that is open."""
        target = self.get_object()
        sent = self._sent(CheckInput).validated_data
        return self._shown(services.step_close(actor=self.actor, request=target, **sent))

    @extend_schema(request=ConsentInput, responses=shows)
    @action(detail=True, methods=["post"])
    def consent(self, request: Request, code: str) -> Response:
        """Answer for a site."""
        target = self.get_object()
        sent = dict(self._sent(ConsentInput).validated_data)
        asked = get_object_or_404(
            target.consents.select_related("site"), round=target.round, site__code=sent.pop("site")
        )
        services.consent_answer(actor=self.actor, request=target, site=asked.site, **sent)
        return self._shown(target)

    @extend_schema(request=AskSiteInput, responses=shows)
    @action(detail=True, methods=["post"], url_path="ask-site")
    def ask_site(self, request: Request, code: str) -> Response:
        """Ask one more site for its consent, so that a line may be placed there; for who decides."""
        target = self.get_object()
        sent = self._sent(AskSiteInput).validated_data
        services.consent_ask(actor=self.actor, request=target, **sent)
        return self._shown(target)

    @extend_schema(request=ConflictInput, responses={200: shows, 204: None})
    @action(detail=True, methods=["post"])
    def conflict(self, request: Request, code: str) -> Response:
        """Declare a conflict of interest: a real or apparent one hides the request from you (204)."""
        target = self.get_object()
        sent = self._sent(ConflictInput).validated_data
        declared = services.conflict_declare(actor=self.actor, request=target, **sent)
        if declared.severity in Conflict.BLOCKING:
            return Response(status=204)
        return self._shown(target)

    @extend_schema(request=LeaveWaitingListInput, responses=shows)
    @action(detail=True, methods=["post"], url_path="leave-waiting-list")
    def leave_waiting_list(self, request: Request, code: str) -> Response:
        """Give up a place on the waiting list; what was awarded stays."""
        target = self.get_object()
        entry = get_object_or_404(
            WaitingEntry,
            decision_line__decision__request=target,
            code=self._sent(LeaveWaitingListInput).validated_data["entry"],
        )
        services.waiting_withdraw(actor=self.actor, entry=entry)
        return self._shown(target)

    @extend_schema(methods=["get"], responses=MessageSerializer(many=True))
    @extend_schema(methods=["post"], request=MessageInput, responses=MessageSerializer)
    @action(detail=True, methods=["get", "post"], filterset_class=None)
    def messages(self, request: Request, code: str) -> Response:
        """Questions and answers about a request, newest first; POST writes one."""
        target = self.get_object()
        if request.method == "POST":
            sent = self._sent(MessageInput).validated_data
            written = services.message_write(actor=self.actor, request=target, **sent)
            return Response(MessageSerializer(written).data, status=201)
        thread = selectors.messages_of(target, internal=may_read_internal(self.actor, target))
        page = self.paginate_queryset(thread)
        return self.get_paginated_response(MessageSerializer(page, many=True).data)

    def _sent(self, kind: type[Any], partial: bool = False) -> Any:
        raise NotImplementedError

    def _shown(self, target: Any, status: int = 200) -> Response:
        raise NotImplementedError
