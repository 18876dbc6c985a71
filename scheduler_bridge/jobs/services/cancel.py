"""Cancelling a job."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.ledger import services as ledger
from portal.foundation import clock
from portal.foundation.errors import IllegalState
from portal.foundation.policies import require
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import JobState

# Never sent, or every try provably came to nothing.
NOT_THERE = {JobState.AWAITING_APPROVAL, JobState.APPROVED}


def job_cancel(*, actor: User, job: Job, reason: str = "") -> Job:
    """Cancel at once what isn't on the cluster; ask the cluster to cancel the rest.

    What may be on the cluster keeps its hold until the accounting tells its end. Raises NotAllowed,
    IllegalState (it has ended).
    """
    require(actor, "bridge.cancel_job", job)
    with transaction.atomic():
        job = Job.objects.select_for_update(of=("self",)).select_related("cluster").get(pk=job.pk)
        if job.has_ended:
            raise IllegalState(_("This job has ended: there is nothing to cancel."))
        if job.cancel_requested_at:
            return job
        job.cancel_requested_at = clock.now()
        if job.state in NOT_THERE:
            job.move("cancel")
            job.ended_at = clock.now()
            ledger.hold_release(job_code=job.code, key=f"release:{job.code}")
            outbox.enqueue(topic="job_ended", payload={"job": job.code})
        job.store("state", "cancel_requested_at", "ended_at")
        audit.record(actor=actor, action="job_cancel", target=job, after={"state": job.state}, reason=reason)
        outbox.enqueue(topic="job_cancel", payload={"cluster": job.cluster.code})
    return job
