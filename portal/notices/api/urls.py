"""Notices over REST."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from portal.notices.api.views import MailChoices, NoticeViewSet, WaitingMail

router = SimpleRouter()
router.register("notices", NoticeViewSet, basename="api_notice")
urlpatterns = [
    path("notice-settings/", MailChoices.as_view(), name="api_notice_settings"),
    path("waiting-mail/", WaitingMail.as_view(), name="api_waiting_mail"),
    *router.urls,
]
