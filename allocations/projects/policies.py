"""Who may do what with projects."""

from typing import Any

import rules

from allocations.projects import selectors
from allocations.projects.models import Project, ProjectMember
from portal.people.models import Membership, ProgrammeRole

MANAGING = frozenset(selectors.MANAGING)


@rules.predicate
def is_visible(user: Any, project: Project | None) -> bool:
    return project is not None and selectors.visible_to(user).filter(pk=project.pk).exists()


@rules.predicate
def is_member(user: Any, project: Project | None) -> bool:
    return project is not None and bool(selectors.role_in(user, project))


@rules.predicate
def is_managing(user: Any, project: Project | None) -> bool:
    return project is not None and selectors.role_in(user, project) in MANAGING


@rules.predicate
def is_pi(user: Any, project: Project | None) -> bool:
    return project is not None and selectors.role_in(user, project) == ProjectMember.Role.PI


@rules.predicate
def may_replace_the_pi(user: Any, project: Project | None) -> bool:
    """Whether the PI is gone, and `user` answers for the organisation or the programme."""
    if project is None or not pi_is_gone(project):
        return False
    owners = Membership.objects.filter(
        organisation=project.organisation_id, user=user, role=Membership.Role.OWNER
    )
    return ProgrammeRole.Role.ADMIN in user.roles or owners.exists()


def pi_is_gone(project: Project) -> bool:
    """Whether the PI was deactivated or no longer belongs to the project's organisation."""
    pi = project.members.filter(role=ProjectMember.Role.PI, user__is_active=True)
    return not pi.filter(user__memberships__organisation=project.organisation_id).exists()


rules.add_perm("projects.view", is_visible)
# Details, members, archive; and, in the rooms above, asking for compute.
rules.add_perm("projects.manage", is_managing)
# Sending jobs.
rules.add_perm("projects.use", is_member)
# Naming who leads it next.
rules.add_perm("projects.hand_over", is_pi | may_replace_the_pi)
# Its course: opening, the code, the last day.
rules.add_perm("projects.teach", is_pi)
