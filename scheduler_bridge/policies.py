"""Who may do what with jobs."""

from typing import Any

import rules

from allocations.awards.models import Allocation
from allocations.projects.models import ProjectMember
from scheduler_bridge.models import Job


@rules.predicate
def is_project_member(user: Any, allocation: Allocation) -> bool:
    return ProjectMember.objects.filter(project=allocation.project_id, user=user).exists()


@rules.predicate
def submitted_it(user: Any, job: Job) -> bool:
    return job.submitted_by_id == user.pk


@rules.predicate
def leads_the_project(user: Any, job: Job) -> bool:
    leading = [ProjectMember.Role.PI, ProjectMember.Role.MANAGER]
    return ProjectMember.objects.filter(
        project=job.allocation.project_id, user=user, role__in=leading
    ).exists()


@rules.predicate
def runs_the_site(user: Any, job: Job) -> bool:
    return user.site_roles.filter(site=job.cluster.site_id, role="manager").exists()


@rules.predicate
def is_admin(user: Any, job: Job | None = None) -> bool:
    return "admin" in user.roles


@rules.predicate
def works_on_it(user: Any, job: Job) -> bool:
    return bool(is_project_member(user, job.allocation))


rules.add_perm("bridge.submit_job", is_project_member)
rules.add_perm("bridge.cancel_job", submitted_it | leads_the_project | runs_the_site | is_admin)
# Scripts may carry people's secrets: not even those who run the site read them here.
rules.add_perm("bridge.read_script", works_on_it)
