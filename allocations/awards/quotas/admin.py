"""Quotas in the operators' admin: to look at."""

from django.contrib import admin

from allocations.awards.quotas.models import ProjectEndorsement, Quota
from portal.people.admin import ReadOnlyAdmin
from portal.people.models import OrganisationEndorsement, Programme


@admin.register(Quota)
class QuotaAdmin(ReadOnlyAdmin):
    list_display = ["code", "kind", "dimension", "value", "resource", "enforced", "created_at", "ended_at"]
    list_select_related = ["resource"]
    list_filter = ["kind", "dimension"]


@admin.register(Programme)
class ProgrammeAdmin(ReadOnlyAdmin):
    list_display = ["code", "name_en", "kind", "closed_at"]


@admin.register(ProjectEndorsement, OrganisationEndorsement)
class EndorsementAdmin(ReadOnlyAdmin):
    list_display = ["code", "programme", "until", "withdrawn_at"]
    list_select_related = ["programme"]
