"""Reading projects."""

from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, Prefetch, Q, QuerySet, When

from allocations.projects.models import Project, ProjectMember, Sector
from portal.people.models import AuditorScope, Membership, Organisation, ProgrammeRole

# These see every project: they decide about all of them.
OVERSEERS = frozenset({ProgrammeRole.Role.ADMIN, ProgrammeRole.Role.COUNCIL, ProgrammeRole.Role.REVIEWER})

# The PI first, then managers, then members.
RANK = Case(
    When(role=ProjectMember.Role.PI, then=0), When(role=ProjectMember.Role.MANAGER, then=1), default=2
)


def visible_to(user: Any) -> QuerySet[Project]:
    """Projects that `user` may see: as member, as owner of the organisation, as overseer, or as auditor of
    everything, of the organisation or of the sector. (Sites are a scope of the rooms above, which know what
    runs where.)
    """
    projects = Project.objects.select_related("organisation", "sector")
    if user.roles & OVERSEERS:
        return projects
    seen = Q(pk__in=ProjectMember.objects.filter(user=user).values("project")) | Q(
        organisation__in=Membership.objects.filter(user=user, role=Membership.Role.OWNER).values(
            "organisation"
        )
    )
    if ProgrammeRole.Role.AUDITOR in user.roles:
        seen |= _audited_by(user)
    return projects.filter(seen)


def _audited_by(user: Any) -> Q:
    scopes = AuditorScope.objects.filter(user=user)
    kinds = AuditorScope.Kind
    return (
        Q(Exists(scopes.filter(kind=kinds.ALL)))
        | Q(Exists(scopes.filter(kind=kinds.ORGANISATION, code=OuterRef("organisation__code"))))
        | Q(Exists(scopes.filter(kind=kinds.SECTOR, code=OuterRef("sector__code"))))
    )


def list_visible_to(user: Any) -> QuerySet[Project]:
    """As `visible_to`, with what a list shows: `member_count`, and the PI in `leads`."""
    leads = ProjectMember.objects.filter(role=ProjectMember.Role.PI).select_related("user")
    return (
        visible_to(user)
        .annotate(member_count=Count("members"))
        .order_by("-created_at", "-id")  # grouping forgets the default order
        .prefetch_related(Prefetch("members", leads, to_attr="leads"))
    )


def detail_visible_to(user: Any) -> QuerySet[Project]:
    """As `visible_to`, with every member: the PI first, then managers, then by name."""
    members = ProjectMember.objects.select_related("user").order_by(RANK, "user__name", "pk")
    return visible_to(user).prefetch_related(Prefetch("members", members))


def usable_by(user: Any) -> QuerySet[Project]:
    """Projects in which `user` may act: as a member, while they aren't archived."""
    mine = ProjectMember.objects.filter(user=user).values("project")
    return Project.objects.filter(pk__in=mine, archived_at=None).select_related("organisation", "sector")


def role_in(user: Any, project: Project) -> str:
    """The role of `user` in `project`; empty for anyone else."""
    return next((member.role for member in project.members.all() if member.user_id == user.pk), "")


def member_named(project: Project, code: str) -> ProjectMember | None:
    """The member whose user has this public code."""
    return project.members.select_related("user").filter(user__code=code).first()


def organisations_to_propose_for(user: Any) -> QuerySet[Organisation]:
    """The organisations of which `user` is a member: only these may be named in a new project."""
    return Organisation.objects.filter(pk__in=user.organisation_ids).prefetch_related("verifications")


def sectors() -> QuerySet[Sector]:
    return Sector.objects.all()
