"""Notices over REST."""

from typing import Any

from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import ScopedViewSet
from portal.notices.filtersets import NoticeFilter
from portal.notices.models import Notice
from portal.notices.selectors import notices_visible_to
from portal.notices.services.notices import notice_read


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    title = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)

    class Meta:
        model = Notice
        fields = ["code", "kind", "title", "text", "url", "created_at", "read_at"]


class NoticeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """What the portal told you, newest first, in the language of the request."""

    selector = notices_visible_to
    queryset = Notice.objects.none()
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilter

    @action(detail=True, methods=["post"])
    def read(self, request: Request, **kwargs: Any) -> Response:
        """Mark as read."""
        notice = self.get_object()
        notice_read(actor=request.user, notice=notice)
        notice.refresh_from_db()
        return Response(self.get_serializer(notice).data)
