"""Reading projects."""

from typing import Any

from django.db.models import Case, Count, Exists, OuterRef, Prefetch, Q, QuerySet, When
from django.db.models.functions import Lower

from allocations.projects.models import (
    Asked,
    Classroom,
    Enrolment,
    HandOver,
    Project,
    ProjectInvitation,
    ProjectLink,
    ProjectMember,
    Sector,
)
from allocations.projects.use import NOTHING, Use, use_in
from portal.foundation import clock
from portal.people.models import AuditorScope, Membership, Organisation, ProgrammeRole, User

# These see every project: they decide about all of them. (Reviewers see blinded pages of their reviews.)
OVERSEERS = frozenset({ProgrammeRole.Role.ADMIN, ProgrammeRole.Role.COUNCIL})
MANAGING = (ProjectMember.Role.PI, ProjectMember.Role.MANAGER)

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


def members_with_use(project: Project) -> list[tuple[ProjectMember, Use]]:
    """The project's members (as they were fetched) with what each of them used."""
    use = use_in([project.pk])
    return [(member, use.get((project.pk, member.user_id), NOTHING)) for member in project.members.all()]


def member_named(project: Project, code: str) -> ProjectMember | None:
    """The member whose user has this public code."""
    return project.members.select_related("user").filter(user__code=code).first()


# --- Ways in ----------------------------------------------------------------------------------------
def invitations_to(user: Any) -> QuerySet[ProjectInvitation]:
    """Invitations to an address that this person has proved to own."""
    invitations = ProjectInvitation.objects.select_related("project__organisation", "invited_by")
    return invitations.annotate(folded=Lower("email")).filter(folded__in=user.verified_addresses)


def open_invitations_to(user: Any) -> QuerySet[ProjectInvitation]:
    """Those that await the person's answer."""
    return invitations_to(user).filter(
        state=Asked.PENDING, expires_at__gt=clock.now(), project__archived_at=None
    )


def invitations_managed_by(user: Any) -> QuerySet[ProjectInvitation]:
    """Invitations to the projects that this person leads or manages."""
    return ProjectInvitation.objects.select_related("project", "invited_by").filter(
        project__in=_managed_by(user)
    )


def unanswered_invitations(project: Project) -> QuerySet[ProjectInvitation]:
    """Those that still wait, outdated ones too: they can be sent again."""
    return project.invitations.filter(state=Asked.PENDING).select_related("invited_by")


def links_managed_by(user: Any) -> QuerySet[ProjectLink]:
    """Links into the projects that this person leads or manages."""
    return ProjectLink.objects.select_related("project", "made_by").filter(project__in=_managed_by(user))


def links_of(project: Project) -> list[ProjectLink]:
    """Those by which somebody can still join."""
    return [link for link in project.links.filter(revoked_at=None).select_related("made_by") if link.is_open]


def hand_over_of(project: Project) -> HandOver | None:
    """The one that awaits an answer."""
    pending = project.hand_overs.filter(state=Asked.PENDING, expires_at__gt=clock.now())
    return pending.select_related("successor", "proposed_by").first()


def successors_in(project: Project) -> QuerySet[User]:
    """Who could lead the project: its other active members who belong to its organisation."""
    members = project.members.exclude(role=ProjectMember.Role.PI).values("user")
    return User.objects.filter(
        pk__in=members, is_active=True, memberships__organisation=project.organisation_id
    ).order_by("name", "pk")


def _managed_by(user: Any) -> QuerySet[ProjectMember, Any]:
    return ProjectMember.objects.filter(user=user, role__in=MANAGING).values("project")


# --- Courses ----------------------------------------------------------------------------------------
def classroom_of(project: Project) -> Classroom | None:
    """The project's course, if it is one."""
    return Classroom.objects.filter(project=project).select_related("project").first()


def students_of(classroom: Classroom) -> list[tuple[Enrolment, ProjectMember | None, Use]]:
    """Everybody who was enrolled, by name: enrolment, membership while it lasts, use of the cap."""
    use = use_in([classroom.project_id])
    members = {
        member.user_id: member for member in classroom.project.members.select_related("project", "user")
    }
    enrolments = classroom.enrolments.select_related("user").order_by("user__name", "pk")
    return [
        (
            enrolment,
            members.get(enrolment.user_id),
            use.get((classroom.project_id, enrolment.user_id), NOTHING),
        )
        for enrolment in enrolments
    ]


def studied_by(user: Any) -> QuerySet[ProjectMember, Any]:
    """The projects in which `user` is a student of the course, no more: their ids."""
    return _students().filter(user=user).values("project")


def is_student(user: Any, project: Project) -> bool:
    """Whether `user` is in the project as a student of its course only."""
    return _students().filter(user=user, project=project).exists()


def working_members(project: Project) -> QuerySet[User]:
    """The people of a project without the students of its course: they have no part in what it asks for."""
    members = ProjectMember.objects.filter(project=project)
    return User.objects.filter(pk__in=members.exclude(pk__in=_students().values("pk")).values("user"))


def _students() -> QuerySet[ProjectMember]:
    """Members by a course's code; whom the instructor made a manager is one of the project's own."""
    enrolled = Enrolment.objects.filter(
        classroom__project=OuterRef("project"), user=OuterRef("user"), ended_at=None
    )
    return ProjectMember.objects.filter(Exists(enrolled), role=ProjectMember.Role.MEMBER)


def people_trained(classrooms: QuerySet[Classroom] | None = None) -> int:
    """How many students (of these courses, or of all) ran at least one job in their course; each once."""
    enrolments = Enrolment.objects.all()
    if classrooms is not None:
        enrolments = enrolments.filter(classroom__in=classrooms)
    enrolled = list(enrolments.values_list("classroom__project", "user"))
    use = use_in({project for project, _user in enrolled})
    return len({user for project, user in enrolled if use.get((project, user), NOTHING).ran})


def organisations_to_propose_for(user: Any) -> QuerySet[Organisation]:
    """The organisations of which `user` is a member: only these may be named in a new project."""
    return Organisation.objects.filter(pk__in=user.organisation_ids).prefetch_related("verifications")


def sectors() -> QuerySet[Sector]:
    return Sector.objects.all()
