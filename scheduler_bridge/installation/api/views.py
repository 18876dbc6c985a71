"""The kill switches over the API, for admins."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from portal.foundation.policies import require
from scheduler_bridge.installation import standing
from scheduler_bridge.installation.api.serializers import SwitchInput, TroubleSerializer
from scheduler_bridge.installation.services import sending_resume, sending_stop


class SendingViewSet(ViewSet):
    """Whether jobs are sent, and the switches that stop it."""

    @extend_schema(responses=TroubleSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Everything that keeps jobs from being sent; empty when they are sent to all sites."""
        require(request.user, "bridge.stop_sending")
        return Response(TroubleSerializer(standing.troubles(), many=True).data)

    @extend_schema(request=SwitchInput, responses=TroubleSerializer(many=True))
    @action(detail=False, methods=["post"])
    def stop(self, request: Request) -> Response:
        """Send nothing more to one cluster, or to any. Jobs wait."""
        sending_stop(actor=request.user, **self._sent(request))  # type: ignore[arg-type]
        return self.list(request)

    @extend_schema(request=SwitchInput, responses=TroubleSerializer(many=True))
    @action(detail=False, methods=["post"])
    def resume(self, request: Request) -> Response:
        """Let sending go on."""
        sending_resume(actor=request.user, **self._sent(request))  # type: ignore[arg-type]
        return self.list(request)

    def _sent(self, request: Request) -> dict[str, Any]:
        require(request.user, "bridge.stop_sending")
        sent = SwitchInput(data=request.data)
        sent.is_valid(raise_exception=True)
        return dict(sent.validated_data)
