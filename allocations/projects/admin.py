"""Projects in the operators' admin: to look at."""

from django.contrib import admin

from allocations.projects.models import Project, ProjectMember, Sector
from portal.people.admin import ReadOnlyAdmin


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ["code", "title", "organisation", "sector", "data_class", "archived_at"]
    list_select_related = ["organisation", "sector"]
    search_fields = ["code", "title", "organisation__name"]


@admin.register(ProjectMember)
class ProjectMemberAdmin(ReadOnlyAdmin):
    list_display = ["project", "user", "role"]
    list_select_related = ["project", "user"]


@admin.register(Sector)
class SectorAdmin(ReadOnlyAdmin):
    list_display = ["code", "name_en", "name_ur", "provisional"]
