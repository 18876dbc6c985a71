"""Cancelling a job."""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from allocations.ledger import services as ledger
from allocations.projects.models import ProjectMember
from portal.foundation import clock
from portal.foundation.errors import IllegalState
from portal.foundation.policies import require
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import JobState

# Never sent, or every try provably came to nothing.
NOT_THERE = {JobState.AWAITING_APPROVAL, JobState.APPROVED}
NOT_STARTED = {*NOT_THERE, JobState.DISPATCHING, JobState.UNCERTAIN, JobState.QUEUED}


def job_cancel(*, actor: User, job: Job, reason: str = "") -> Job:
    """Cancel at once what isn't on the cluster; ask the cluster to cancel the rest.

    What may be on the cluster keeps its hold until the accounting tells its end. Raises NotAllowed,
    IllegalState (it has ended).
    """
    require(actor, "bridge.cancel_job", job)
    with transaction.atomic():
        job = _locked(Job.objects.filter(pk=job.pk)).get()
        if job.has_ended:
            raise IllegalState(_("This job has ended: there is nothing to cancel."))
        if not job.cancel_requested_at:
            _request(job, actor, reason)
    return job


@transaction.atomic
def jobs_of_the_gone_cancel(jobs: QuerySet[Job]) -> int:
    """Cancel those of `jobs` that haven't started and whose sender may no longer send them.

    That is who was deactivated, or isn't a member of the project any more. What runs may finish. Returns how
    many; once more does nothing.
    """
    belongs = ProjectMember.objects.filter(
        project=OuterRef("allocation__project"), user=OuterRef("submitted_by"), user__is_active=True
    )
    waiting = jobs.filter(state__in=NOT_STARTED, cancel_requested_at=None).exclude(Exists(belongs))
    found = list(_locked(waiting).order_by("pk"))
    for job in found:
        _request(job, None, "Its sender no longer works on the project.")
    return len(found)


def _locked(jobs: QuerySet[Job]) -> QuerySet[Job]:
    return jobs.select_for_update(of=("self",)).select_related("cluster")


def _request(job: Job, actor: User | None, reason: str) -> None:
    job.cancel_requested_at = clock.now()
    if job.state in NOT_THERE:
        job.move("cancel")
        job.ended_at = clock.now()
        ledger.hold_release(job_code=job.code, key=f"release:{job.code}")
        outbox.enqueue(topic="job_ended", payload={"job": job.code})
    job.store("state", "cancel_requested_at", "ended_at")
    audit.record(actor=actor, action="job_cancel", target=job, after={"state": job.state}, reason=reason)
    outbox.enqueue(topic="job_cancel", payload={"cluster": job.cluster.code})
