"""Notices in the operators' admin: to look at."""

from django.contrib import admin

from portal.notices.models import Notice
from portal.people.admin import ReadOnlyAdmin


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ["code", "user", "kind", "created_at", "read_at"]
    list_filter = ["kind"]
    search_fields = ["code", "user__email"]
