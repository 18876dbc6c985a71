"""Notices in the operators' admin: to look at."""

from django.contrib import admin

from portal.notices.models import Digest, MailChoice, Notice
from portal.people.admin import ReadOnlyAdmin


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ["code", "user", "kind", "group", "timing", "created_at", "read_at"]
    list_filter = ["group", "timing", "kind"]
    search_fields = ["code", "user__email"]


@admin.register(MailChoice)
class MailChoiceAdmin(ReadOnlyAdmin):
    list_display = ["user", "group", "timing", "updated_at"]
    list_filter = ["group", "timing"]
    list_select_related = ["user"]
    search_fields = ["user__email"]


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    list_display = ["code", "user", "day"]
    list_select_related = ["user"]
    search_fields = ["code", "user__email"]
