"""Requests, decisions, tracks and calls in the operators' admin: to look at."""

from django.contrib import admin

from allocations.programme.models import AllocationRequest, Call, Decision, TrackVersion
from portal.people.admin import ReadOnlyAdmin


@admin.register(AllocationRequest)
class RequestAdmin(ReadOnlyAdmin):
    list_display = ["code", "project", "state", "requested_by", "submitted_at", "decided_at"]
    list_filter = ["state"]
    list_select_related = ["project", "requested_by"]
    search_fields = ["code", "project__title"]


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["request", "outcome", "decided_by", "created_at"]
    list_filter = ["outcome"]
    list_select_related = ["request__project", "decided_by"]
    search_fields = ["request__code"]


@admin.register(TrackVersion)
class TrackVersionAdmin(ReadOnlyAdmin):
    list_display = ["code", "track", "number", "made_by", "created_at"]
    list_filter = ["track"]
    list_select_related = ["track", "made_by"]


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ["code", "title_en", "track", "opens_at", "closes_at", "published_at", "results_at"]
    list_filter = ["track"]
    list_select_related = ["track"]
    search_fields = ["code", "title_en"]
