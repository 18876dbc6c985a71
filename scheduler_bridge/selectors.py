"""Reads of the bridge."""

from typing import Any

from django.db.models import Q, QuerySet

from allocations.projects.selectors import visible_to as visible_projects
from scheduler_bridge.models import Job


def visible_to(user: Any) -> QuerySet[Job]:
    """Jobs of projects that the person may see, and of sites that they run."""
    jobs = Job.objects.select_related(
        "allocation__project", "allocation__resource__site", "cluster", "submitted_by"
    )
    return jobs.filter(
        Q(allocation__project__in=visible_projects(user).values("pk"))
        | Q(cluster__site__in=user.site_roles.values("site"))
    )
