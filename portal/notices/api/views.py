"""Notices over REST, how one is mailed, and for admins what waits to be mailed."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from portal.foundation.api import IdempotentWrites, ScopedViewSet
from portal.foundation.policies import require
from portal.notices.filtersets import NoticeFilter
from portal.notices.kinds import TIMINGS, Group
from portal.notices.models import Notice
from portal.notices.selectors import mail_choices, mail_standing, notices_visible_to
from portal.notices.services.choices import mail_choices_save
from portal.notices.services.notices import notice_read
from portal.notices.services.waiting import mail_retry


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    title = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)

    class Meta:
        model = Notice
        fields = ["code", "kind", "group", "title", "text", "url", "created_at", "read_at"]


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


class MailChoicesSerializer(serializers.Serializer[Any]):
    """When you are mailed about each group of notices."""

    requests = serializers.ChoiceField(TIMINGS[Group.REQUESTS], required=False)
    duties = serializers.ChoiceField(TIMINGS[Group.DUTIES], required=False)
    allocations = serializers.ChoiceField(TIMINGS[Group.ALLOCATIONS], required=False)
    jobs = serializers.ChoiceField(TIMINGS[Group.JOBS], required=False)
    people = serializers.ChoiceField(TIMINGS[Group.PEOPLE], required=False)
    security = serializers.ChoiceField(TIMINGS[Group.SECURITY], required=False)


class MailChoices(IdempotentWrites, GenericAPIView[Any]):
    """When you are mailed: at once, once a day, once a week, never. In the portal notices stand at once."""

    serializer_class = MailChoicesSerializer

    def get(self, request: Request) -> Response:
        return Response(mail_choices(request.user))

    def patch(self, request: Request) -> Response:
        """Change the groups named; the others stay as they are."""
        given = MailChoicesSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(mail_choices_save(actor=request.user, choices=given.validated_data))  # type: ignore[arg-type]


class MailStandingSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField()
    given_up = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()


class WaitingMail(IdempotentWrites, GenericAPIView[Any]):
    """Mail that waits for the mail server. For admins."""

    serializer_class = MailStandingSerializer

    def get(self, request: Request) -> Response:
        require(request.user, "notices.see_waiting_mail")
        return Response(MailStandingSerializer(mail_standing()).data)

    @extend_schema(request=None)
    def post(self, request: Request) -> Response:
        """Try all of it now, also what was given up."""
        mail_retry(actor=request.user)  # type: ignore[arg-type]
        return Response(MailStandingSerializer(mail_standing()).data)
