"""Projects in the operators' admin: to look at."""

from django.contrib import admin

from allocations.projects.models import Classroom, HandOver, Project, ProjectInvitation, ProjectMember, Sector
from portal.people.admin import ReadOnlyAdmin


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ["code", "title", "organisation", "sector", "data_class", "archived_at"]
    list_select_related = ["organisation", "sector"]
    search_fields = ["code", "title", "organisation__name"]


@admin.register(ProjectMember)
class ProjectMemberAdmin(ReadOnlyAdmin):
    list_display = ["project", "user", "role", "cap_gpu_seconds"]
    list_select_related = ["project", "user"]


@admin.register(ProjectInvitation)
class ProjectInvitationAdmin(ReadOnlyAdmin):
    list_display = ["code", "project", "email", "role", "state", "expires_at"]
    list_select_related = ["project"]


@admin.register(HandOver)
class HandOverAdmin(ReadOnlyAdmin):
    list_display = ["code", "project", "successor", "proposed_by", "state"]
    list_select_related = ["project", "successor", "proposed_by"]


@admin.register(Classroom)
class ClassroomAdmin(ReadOnlyAdmin):
    list_display = ["code", "course", "project", "ends_on", "closed_at"]
    list_select_related = ["project"]


@admin.register(Sector)
class SectorAdmin(ReadOnlyAdmin):
    list_display = ["code", "name_en", "name_ur", "provisional"]
