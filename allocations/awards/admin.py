"""Allocations and awards in the operators' admin: to look at."""

from django.contrib import admin

from allocations.awards.models import Allocation, Award, Letter, Reminder
from portal.people.admin import ReadOnlyAdmin


@admin.register(Allocation)
class AllocationAdmin(ReadOnlyAdmin):
    list_display = ["code", "project", "resource", "state", "starts_on", "ends_on"]
    list_filter = ["state", "resource"]
    list_select_related = ["project", "resource"]
    search_fields = ["code", "project__title"]


@admin.register(Award)
class AwardAdmin(ReadOnlyAdmin):
    list_display = ["code", "allocation", "gpu_seconds", "oversubscribed", "decided_by", "created_at"]
    list_select_related = ["allocation__resource", "decided_by"]
    search_fields = ["code", "allocation__code"]


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    list_display = ["code", "award", "organisation", "project", "issued_at"]
    list_select_related = ["award"]
    search_fields = ["code", "award__code", "organisation"]


@admin.register(Reminder)
class ReminderAdmin(ReadOnlyAdmin):
    list_display = ["allocation", "kind", "about", "told_at"]
    list_select_related = ["allocation__resource"]
    search_fields = ["allocation__code"]
