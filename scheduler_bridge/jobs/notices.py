"""Telling whoever sent a job that it has ended."""

from django.utils.translation import gettext_noop

from portal.foundation.formats import hours
from portal.notices.services.notices import notify
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import JobState

SUBJECTS = {
    JobState.COMPLETED: gettext_noop("Your job “%(title)s” has completed"),
    JobState.FAILED: gettext_noop("Your job “%(title)s” has failed"),
    JobState.CANCELLED: gettext_noop("Your job “%(title)s” was cancelled"),
    JobState.TIMEOUT: gettext_noop("Your job “%(title)s” reached its time limit"),
    JobState.OUT_OF_MEMORY: gettext_noop("Your job “%(title)s” ran out of memory"),
    JobState.NODE_FAIL: gettext_noop("A node failed under your job “%(title)s”"),
    JobState.PREEMPTED: gettext_noop("Your job “%(title)s” was taken off its nodes"),
    JobState.REFUSED: gettext_noop("Your job “%(title)s” was refused by the site"),
    JobState.REJECTED: gettext_noop("Your job “%(title)s” was not approved"),
}
BODY = gettext_noop("At %(site)s it was charged %(gpu_hours)s GPU-hours. Its page tells what happened.")


def tell_end(job: Job) -> None:
    """A notice and a mail to the submitter, in the caller's transaction."""
    notify(
        users=[job.submitted_by],
        kind=f"job_{job.state}",
        subject=SUBJECTS[JobState(job.state)],
        body=BODY,
        params={"title": job.title, "site": str(job.cluster.site), "gpu_hours": hours(job.charged)},
        url=job.get_absolute_url(),
    )
