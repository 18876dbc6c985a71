"""Who may do what with jobs."""

from typing import Any

import rules

from allocations.awards.models import Allocation
from allocations.projects.policies import MANAGING
from allocations.projects.selectors import role_in
from scheduler_bridge.models import Job


@rules.predicate
def is_project_member(user: Any, allocation: Allocation) -> bool:
    return bool(role_in(user, allocation.project))


@rules.predicate
def submitted_it(user: Any, job: Job) -> bool:
    return job.submitted_by_id == user.pk


@rules.predicate
def leads_the_project(user: Any, job: Job) -> bool:
    return role_in(user, job.allocation.project) in MANAGING


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
rules.add_perm("bridge.stop_sending", is_admin)
rules.add_perm("bridge.cancel_job", submitted_it | is_admin | leads_the_project | runs_the_site)
# Scripts may carry people's secrets: not even those who run the site read them here.
rules.add_perm("bridge.read_script", works_on_it)
