"""Who may do what with projects."""

from typing import Any

import rules

from allocations.projects import selectors
from allocations.projects.models import Project, ProjectMember

MANAGING = frozenset({ProjectMember.Role.PI, ProjectMember.Role.MANAGER})


@rules.predicate
def is_visible(user: Any, project: Project | None) -> bool:
    return project is not None and selectors.visible_to(user).filter(pk=project.pk).exists()


@rules.predicate
def is_member(user: Any, project: Project | None) -> bool:
    return project is not None and bool(selectors.role_in(user, project))


@rules.predicate
def is_managing(user: Any, project: Project | None) -> bool:
    return project is not None and selectors.role_in(user, project) in MANAGING


rules.add_perm("projects.view", is_visible)
# Details, members, archive; and, in the rooms above, asking for compute.
rules.add_perm("projects.manage", is_managing)
# Sending jobs.
rules.add_perm("projects.use", is_member)
