"""Allocations and awards in the operators' admin: to look at."""

from django.contrib import admin

from allocations.awards.models import Allocation, Award
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
