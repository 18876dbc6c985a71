"""What each member uses of a project, and the cap that bounds it."""

from collections.abc import Collection
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.ledger.models import Hold
from allocations.projects.models import Project, ProjectMember
from allocations.projects.use import NOTHING, Use, tells_use
from portal.foundation.errors import Refused
from portal.foundation.formats import hours
from scheduler_bridge.models import Job

RAN = Q(started_at__isnull=False) | Q(charged__gt=0)


@tells_use
def use_by_member(projects: Collection[int]) -> dict[tuple[int, int], Use]:
    """Held, charged and whether anything ran, by the ids of project and person."""
    return _summed(Job.objects.filter(allocation__project__in=projects))


def hold_within_cap(actor: Any, allocation: Allocation, wanted: int) -> None:
    """As `check_cap`, in the transaction that then places the hold.

    The member's row is locked until that commits, so that jobs sent at the same moment are counted one after
    the other.
    """
    _check(lock(_capped(actor, allocation)), allocation, wanted)


def check_cap(actor: Any, allocation: Allocation, wanted: int) -> None:
    """Refuse what would take the member above their cap.

    What runs already is never stopped: a requeue, or a run past its hold, may pass the cap. Raises Refused
    (code `over_cap`, figures wanted, cap, used, held, charged).
    """
    _check(_capped(actor, allocation), allocation, wanted)


def _capped(actor: Any, allocation: Allocation) -> QuerySet[ProjectMember]:
    return ProjectMember.objects.filter(
        project=allocation.project_id, user=actor, cap_gpu_seconds__isnull=False
    )


def _check(capped: QuerySet[ProjectMember], allocation: Allocation, wanted: int) -> None:
    member = capped.select_related("user").first()
    if member is None or member.cap_gpu_seconds is None:
        return
    used = use_of(member.user, allocation.project)
    if used.used + wanted <= member.cap_gpu_seconds:
        return
    raise Refused(
        _(
            "This job may use %(wanted)s GPU-hours. Of your cap of %(cap)s in this project you have used "
            "%(used)s (held: %(held)s, charged: %(charged)s)."
        )
        % {
            "wanted": hours(wanted),
            "cap": hours(member.cap_gpu_seconds),
            "used": hours(used.used),
            "held": hours(used.held),
            "charged": hours(used.charged),
        },
        code="over_cap",
        remedy=_(
            "Ask for fewer GPUs or less time, wait until your other jobs have ended, or ask the project's "
            "principal investigator for a higher cap."
        ),
        figures={
            "wanted": wanted,
            "cap": member.cap_gpu_seconds,
            "used": used.used,
            "held": used.held,
            "charged": used.charged,
        },
    )


def lock(members: QuerySet[ProjectMember]) -> QuerySet[ProjectMember]:
    """Locks the rows. On its own so that a test can show what happens without."""
    return members.select_for_update(of=("self",), no_key=True)


def use_of(user: Any, project: Project) -> Use:
    """One person's use of one project."""
    jobs = Job.objects.filter(allocation__project=project, submitted_by=user)
    return _summed(jobs).get((project.pk, user.pk), NOTHING)


def _summed(jobs: QuerySet[Job]) -> dict[tuple[int, int], Use]:
    """In one statement: a charge moves GPU-seconds from held to charged, and none may be missed."""
    hold = Hold.objects.filter(job_code=OuterRef("code")).values("remaining")
    rows = (
        jobs.order_by()
        .annotate(hold_now=Subquery(hold))
        .values("allocation__project", "submitted_by")
        .annotate(
            now_held=Coalesce(Sum("hold_now"), 0),
            all_charged=Coalesce(Sum("charged"), 0),
            ran=Count("pk", filter=RAN),
        )
        .values_list("allocation__project", "submitted_by", "now_held", "all_charged", "ran")
    )
    return {
        (project, user): Use(held=held, charged=charged, ran=bool(ran))
        for project, user, held, charged, ran in rows
    }
