"""Reviews in the operators' admin: to look at."""

from django.contrib import admin

from allocations.reviews.models import Review, ReviewerProfile
from portal.people.admin import ReadOnlyAdmin


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ["code", "request", "round", "reviewer", "state", "due_on"]
    list_filter = ["state"]
    list_select_related = ["request__project", "reviewer"]
    search_fields = ["code", "request__code", "reviewer__name"]


@admin.register(ReviewerProfile)
class ReviewerProfileAdmin(ReadOnlyAdmin):
    list_display = ["user", "most_open", "available_from", "available_until"]
    list_select_related = ["user"]
    search_fields = ["user__name"]
