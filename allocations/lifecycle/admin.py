"""Changes, reports and appeals in the operators' admin: to look at."""

from django.contrib import admin

from allocations.lifecycle.models import AllocationReport, Appeal, ChangeRequest
from portal.people.admin import ReadOnlyAdmin


@admin.register(ChangeRequest)
class ChangeRequestAdmin(ReadOnlyAdmin):
    list_display = ["code", "allocation", "kind", "state", "persons", "requested_by", "created_at"]
    list_select_related = ["allocation__resource", "requested_by"]
    search_fields = ["code", "allocation__code"]


@admin.register(AllocationReport)
class AllocationReportAdmin(ReadOnlyAdmin):
    list_display = ["code", "allocation", "kind", "state", "due_on"]
    list_select_related = ["allocation__resource"]
    search_fields = ["code", "allocation__code"]


@admin.register(Appeal)
class AppealAdmin(ReadOnlyAdmin):
    list_display = ["code", "state", "persons", "filed_by", "created_at"]
    list_select_related = ["filed_by"]
    search_fields = ["code", "request__code", "change__code"]
