"""The pages of notices."""

from django.urls import path

from portal.notices.web import views

urlpatterns = [
    path("notices/", views.NoticeList.as_view(), name="notices"),
    path("notices/read/", views.ReadAll.as_view(), name="notices_read_all"),
    path("notices/settings/", views.NoticeSettings.as_view(), name="notice_settings"),
    path("notices/<slug:code>/", views.NoticeOpen.as_view(), name="notice"),
    path("waiting-mail/", views.WaitingMail.as_view(), name="waiting_mail"),
]
