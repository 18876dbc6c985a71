"""What a job has been through and what comes next, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allocations.awards.history import events
from portal.foundation import clock
from portal.foundation.tones import tone_of
from scheduler_bridge.jobs.reasons import in_a_line
from scheduler_bridge.models import DispatchAttempt, Job
from scheduler_bridge.transitions import AttemptOutcome, JobState

RECORDED = {
    "job_cancel": gettext_lazy("Cancel asked for"),
    "job_lose_sight": gettext_lazy("Out of sight: it is being looked up"),
    "job_found": gettext_lazy("Found on the cluster"),
    "job_proven_absent": gettext_lazy("Proven not to be on the cluster"),
}
NEXT_STEPS = {
    JobState.AWAITING_APPROVAL: gettext_lazy("Somebody who leads the project approves it."),
    JobState.APPROVED: gettext_lazy(
        "It is sent to the site as soon as the site takes it, mostly within seconds."
    ),
    JobState.REJECTED: gettext_lazy("It wasn't approved, and nothing was charged."),
    JobState.DISPATCHING: gettext_lazy("It is being handed to the site."),
    JobState.UNCERTAIN: gettext_lazy(
        "The site's answer was lost. The portal finds out whether the site has the job, and never sends it "
        "twice. This takes a minute or two; the budget stays held."
    ),
    JobState.REFUSED: gettext_lazy("The site refused it. Nothing was charged; the budget is free again."),
    JobState.QUEUED: gettext_lazy("The site has it and starts it when its turn comes."),
    JobState.RUNNING: gettext_lazy("It runs. What it uses is charged when it ends."),
    JobState.COMPLETED: gettext_lazy("It has ended well. Its output lies in the files below, at the site."),
    JobState.FAILED: gettext_lazy(
        "Its script ended with an error. Look at the error file below, at the site, and send it again."
    ),
    JobState.CANCELLED: gettext_lazy("It was cancelled. What had run is charged; the rest is free again."),
    JobState.TIMEOUT: gettext_lazy(
        "It reached its time limit. Send it again with more time if it needs more."
    ),
    JobState.OUT_OF_MEMORY: gettext_lazy("It ran out of memory. Send it again with more memory."),
    JobState.NODE_FAIL: gettext_lazy("A node failed under it. Send it again; the site knows of the node."),
    JobState.PREEMPTED: gettext_lazy("The site took it off its nodes for other work. Send it again."),
}


@dataclass(frozen=True)
class Event:
    """One entry of the timeline component."""

    at: Any
    title: str
    text: str = ""
    tone: str = ""
    by: Any = ""


def next_step(job: Job) -> Any:
    """What happens next, or what the reader can do."""
    if job.cancel_requested_at and not job.has_ended:
        return _("Cancelling was asked for. The site ends it; the hold goes once its accounting says so.")
    return NEXT_STEPS[JobState(job.state)]


def timeline(job: Job) -> list[dict[str, Any]]:
    """Everything that happened, newest first, as the timeline component takes it."""
    told = [(event["at"], event) for event in events(job, RECORDED)[::-1]]
    latest = job.created_at
    for step in _steps(job):
        # The cluster's clock tells whole seconds: a start mustn't come before what led to it.
        latest = max(latest, step.at)
        told.append((latest, vars(step)))
    return [event for _at, event in sorted(told, key=lambda entry: entry[0])][::-1]


def accruing(job: Job) -> int | None:
    """GPU-seconds that a running job has used so far; they are charged when it ends."""
    if job.state != JobState.RUNNING or job.started_at is None:
        return None
    return max(0, int((clock.now() - job.started_at).total_seconds())) * job.gpus


def _steps(job: Job) -> Iterator[Event]:
    yield Event(job.created_at, _("Sent to the portal; the budget is held"), by=job.submitted_by)
    if job.approved_at:
        yield Event(job.approved_at, _("Approved by the project's standing rule"), tone="success")
    for number, attempt in enumerate(job.attempts.all(), start=1):
        yield Event(
            attempt.created_at,
            _("Sent to the site") if number == 1 else _("Sent to the site, attempt %d") % number,
            outcome(attempt),
            tone=TONES[AttemptOutcome(attempt.outcome)],
        )
    if job.queued_at:
        yield Event(job.queued_at, _("Queued at the site"), tone="info")
    if job.started_at:
        yield Event(job.started_at, _("Started"), tone="info")
    if job.ended_at:
        yield Event(job.ended_at, _("Ended: %s") % job.get_state_display(), tone=tone_of(job.state))


TONES = {
    AttemptOutcome.OPEN: "info",
    AttemptOutcome.ACCEPTED: "success",
    AttemptOutcome.REFUSED: "danger",
    AttemptOutcome.NOT_SENT: "warning",
    AttemptOutcome.UNCLEAR: "warning",
    AttemptOutcome.FOUND: "success",
    AttemptOutcome.ABSENT: "neutral",
}


def outcome(attempt: DispatchAttempt) -> str:
    """What came of one attempt, in words; Slurm's own after it where they matter."""
    words = {
        AttemptOutcome.OPEN: _("No answer yet."),
        AttemptOutcome.ACCEPTED: _("The site took it as Slurm job %s.") % attempt.slurm_job_id,
        AttemptOutcome.REFUSED: _("The site refused it."),
        AttemptOutcome.NOT_SENT: _("Nothing came of it at the site, so it could be sent again."),
        AttemptOutcome.UNCLEAR: _("The answer was lost: it is looked up, never sent again on a guess."),
        AttemptOutcome.FOUND: _("The answer was lost; found on the cluster as Slurm job %s.")
        % attempt.slurm_job_id,
        AttemptOutcome.ABSENT: _("Proven not to be on the cluster, so it could be sent again."),
    }[AttemptOutcome(attempt.outcome)]
    telling = attempt.outcome in {AttemptOutcome.REFUSED, AttemptOutcome.NOT_SENT, AttemptOutcome.UNCLEAR}
    return f"{words}\n{in_a_line(attempt.answer)}".strip() if telling else words
