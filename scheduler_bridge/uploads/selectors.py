"""Reading keys and uploads: for those who run the site."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.fields.json import KT

from allocations.awards.models import Allocation
from allocations.projects.models import Project, ProjectMember
from datacenters.models import Site
from datacenters.selectors import ids_of_managed_sites
from portal.foundation.models import AuditRow
from portal.people.models import User
from scheduler_bridge.models import SiteLogin, UsageKey, UsageUpload
from scheduler_bridge.transitions import LoginState

LEAVING = ["project_member_remove", "project_member_leave"]


def keys_visible_to(user: Any) -> QuerySet[UsageKey]:
    """Keys in force and revoked ones, the latest first."""
    keys = UsageKey.objects.select_related("site", "registered_by", "revoked_by")
    return keys.filter(site__in=ids_of_managed_sites(user))


def uploads_visible_to(user: Any) -> QuerySet[UsageUpload]:
    """Uploads, their bytes fetched only where they are read; the latest first."""
    uploads = UsageUpload.objects.select_related("site", "key", "uploaded_by", "decided_by")
    return uploads.filter(site__in=ids_of_managed_sites(user)).defer("content", "signature")


def people_of(site: Site) -> QuerySet[User]:
    """Whom a site may name by e-mail address: else its managers could try out whose addresses the portal has.

    They are or were members of a project with an allocation there, or have or had a confirmed login there.
    """
    projects = Project.objects.filter(pk__in=Allocation.objects.filter(resource__site=site).values("project"))
    members = ProjectMember.objects.filter(project__in=projects, user=OuterRef("pk"))
    # Of those who left, the audit alone knows.
    left = AuditRow.objects.filter(
        object_type="project", object_code__in=projects.values("code"), action__in=LEAVING
    )
    former = left.annotate(who=KT("before__user")).filter(who=OuterRef("code"))
    linked = [LoginState.CONFIRMED, LoginState.ENDED]
    logins = SiteLogin.objects.filter(site=site, state__in=linked, user=OuterRef("pk"))
    return User.objects.filter(Exists(members) | Exists(logins) | Exists(former))
