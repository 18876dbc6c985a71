"""Reading jobs as lists, pages and the API show them."""

from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from allocations.ledger.models import Hold
from allocations.projects.models import ProjectMember
from portal.foundation import clock
from scheduler_bridge.models import Job, JobRun
from scheduler_bridge.selectors import visible_to
from scheduler_bridge.transitions import ENDS, JobState

OPEN_STATES = [state for state in JobState if state not in {*ENDS, JobState.REFUSED, JobState.REJECTED}]


def listed(user: Any) -> QuerySet[Job]:
    """What the viewer may see, with `held` (GPU-seconds held now), without the scripts."""
    return _with_held(visible_to(user)).select_related(
        "allocation__project__organisation", "allocation__resource__site", "cluster", "submitted_by"
    ).defer("script")  # fmt: skip


def detailed(user: Any) -> QuerySet[Job]:
    """As `listed`, with script, attempts, runs and the viewer's own role in the project."""
    runs = JobRun.objects.order_by("submitted_at")
    own_role = Prefetch("allocation__project__members", ProjectMember.objects.filter(user=user))
    return _with_held(visible_to(user)).select_related(
        "allocation__project__organisation", "allocation__resource__site", "cluster__site", "submitted_by"
    ).prefetch_related("attempts", Prefetch("runs", runs), own_role)  # fmt: skip


def allocations_of(user: Any) -> QuerySet[Allocation]:
    """The allocations of the person's own projects, in whatever state."""
    mine = ProjectMember.objects.filter(user=user).values("project")
    return Allocation.objects.filter(project__in=mine).select_related(
        "project", "resource__site", "resource__cluster"
    )


def usable_by(user: Any) -> QuerySet[Allocation]:
    """The allocations on which the person can send a job today."""
    today = clock.today()
    return allocations_of(user).filter(
        state=AllocationState.ACTIVE,
        starts_on__lte=today,
        ends_on__gte=today,
        resource__cluster__isnull=False,
        project__archived_at=None,
    )


def _with_held(jobs: QuerySet[Job]) -> QuerySet[Job]:
    hold = Hold.objects.filter(job_code=OuterRef("code")).values("remaining")
    return jobs.annotate(held=Coalesce(Subquery(hold), 0))
