"""Sites and what stands at them in the operators' admin: to look at."""

from django.contrib import admin

from datacenters.models import Accreditation, Capacity, Cluster, Outage, Resource, Site, SiteRole
from portal.people.admin import ReadOnlyAdmin


@admin.register(Site)
class SiteAdmin(ReadOnlyAdmin):
    list_display = ["code", "name", "city", "is_open", "illustrative"]
    search_fields = ["code", "name"]


@admin.register(Cluster)
class ClusterAdmin(ReadOnlyAdmin):
    list_display = ["code", "site", "slurm_name", "api_version", "is_sandbox", "is_enabled", "seen_at"]
    list_select_related = ["site"]


@admin.register(Resource)
class ResourceAdmin(ReadOnlyAdmin):
    list_display = ["code", "name", "site", "gpu_model", "gpu_count", "is_open"]
    list_select_related = ["site"]
    search_fields = ["code", "name"]


@admin.register(Capacity)
class CapacityAdmin(ReadOnlyAdmin):
    list_display = ["resource", "quarter", "gpu_seconds", "reserve_percent"]
    list_select_related = ["resource"]
    list_filter = ["quarter"]


@admin.register(Accreditation)
class AccreditationAdmin(ReadOnlyAdmin):
    list_display = ["site", "data_class", "expires_on", "reference"]
    list_select_related = ["site"]


@admin.register(SiteRole)
class SiteRoleAdmin(ReadOnlyAdmin):
    list_display = ["user", "role", "site"]
    list_select_related = ["user", "site"]


@admin.register(Outage)
class OutageAdmin(ReadOnlyAdmin):
    list_display = ["code", "site", "kind", "cause", "starts_at", "ends_at", "withdrawn_at"]
    list_select_related = ["site"]
    list_filter = ["kind", "cause"]
