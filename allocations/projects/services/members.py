"""Who works on a project. The rooms above hear of changes by `project_members_changed` {project}."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.projects.models import Project, ProjectMember
from allocations.projects.services.projects import require_active
from portal.foundation import policies
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.services import audit, outbox
from portal.people.models import User

# There is one principal investigator; who it is changes by a hand-over, not by a choice of role.
GIVEN_ROLES = frozenset({ProjectMember.Role.MANAGER, ProjectMember.Role.MEMBER})


@transaction.atomic
def member_add(
    *, actor: Any, project: Project, email: str, role: str = ProjectMember.Role.MEMBER
) -> ProjectMember:
    """Let the person with this verified address work on the project; any organisation's members may.

    For the PI and managers. Raises InvalidInput for an unknown address and for somebody who is in already.
    """
    policies.require(actor, "projects.manage", project)
    _lock(project)
    _check_role(role)
    user = _owner_of(email)
    if project.members.filter(user=user).exists():
        raise InvalidInput(_("%(name)s is a member already.") % {"name": user}, field="email")
    member = ProjectMember.objects.create(project=project, user=user, role=role)
    _tell(actor, "project_member_add", project, after=_facts(member))
    return member


@transaction.atomic
def member_role_change(*, actor: Any, member: ProjectMember, role: str) -> ProjectMember:
    """Make a member a manager, or a manager a member. For the PI and managers.

    Raises InvalidInput for another role, IllegalState for the PI.
    """
    policies.require(actor, "projects.manage", member.project)
    _lock(member.project)
    _check_role(role)
    _check_not_pi(member)
    before = _facts(member)
    if member.role != role:
        member.role = role
        member.store("role")
        _tell(actor, "project_member_role_change", member.project, before=before, after=_facts(member))
    return member


@transaction.atomic
def member_remove(*, actor: Any, member: ProjectMember) -> None:
    """End somebody's work on the project. For the PI and managers. Raises IllegalState for the PI."""
    policies.require(actor, "projects.manage", member.project)
    _end(actor, "project_member_remove", member)


@transaction.atomic
def member_leave(*, actor: Any, project: Project) -> None:
    """End one's own work on the project. Raises IllegalState for its PI and for people who aren't in it."""
    member = project.members.select_related("project", "user").filter(user=actor).first()
    if member is None:
        raise IllegalState(_("You aren't a member of this project."))
    _end(actor, "project_member_leave", member)


def _end(actor: Any, action: str, member: ProjectMember) -> None:
    _check_not_pi(member)
    before = _facts(member)
    if not ProjectMember.objects.filter(pk=member.pk).delete()[0]:
        raise IllegalState(_("This person isn't a member any more."))
    _tell(actor, action, member.project, before=before)


def _lock(project: Project) -> None:
    """One change of a project's members at a time. Raises IllegalState where it is archived."""
    require_active(Project.objects.select_for_update(of=("self",)).get(pk=project.pk))


def _check_role(role: str) -> None:
    if role not in GIVEN_ROLES:
        raise InvalidInput(_("Choose manager or member."), field="role")


def _check_not_pi(member: ProjectMember) -> None:
    if member.role == ProjectMember.Role.PI:
        raise IllegalState(
            _("A project keeps its principal investigator."),
            remedy=_("Archive the project if the work has ended."),
        )


def _owner_of(email: str) -> User:
    address = email.strip().lower()
    user = User.objects.filter(
        is_active=True, emailaddress__email__iexact=address, emailaddress__verified=True
    ).first()
    if user is None:
        raise InvalidInput(
            _("Nobody here has the verified address %(email)s.") % {"email": address},
            field="email",
            code="unknown_address",
            remedy=_("Ask the person to sign up and to confirm this address, then add them again."),
        )
    return user


def _facts(member: ProjectMember) -> dict[str, str]:
    return {"user": member.user.code, "role": member.role}


def _tell(
    actor: Any,
    action: str,
    project: Project,
    *,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
) -> None:
    audit.record(actor=actor, action=action, target=project, before=before, after=after)
    payload = {"project": project.code}
    outbox.enqueue(topic="project_members_changed", key=project.code, payload=payload)
