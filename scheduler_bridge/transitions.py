"""The life of a job, and of one attempt to send it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import Machine, moves


class JobState(models.TextChoices):
    AWAITING_APPROVAL = "awaiting_approval", _("Awaiting approval")
    APPROVED = "approved", _("Waiting to be sent")
    REJECTED = "rejected", _("Rejected")
    DISPATCHING = "dispatching", _("Being sent")
    UNCERTAIN = "uncertain", _("Being looked up")
    REFUSED = "refused", _("Refused by the site")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    TIMEOUT = "timeout", _("Reached its time limit")
    OUT_OF_MEMORY = "out_of_memory", _("Out of memory")
    NODE_FAIL = "node_fail", _("Node failed")
    PREEMPTED = "preempted", _("Preempted")


ENDS = ("completed", "failed", "cancelled", "timeout", "out_of_memory", "node_fail", "preempted")
# Something of the job is, or may be, on the cluster.
ON_CLUSTER = ("dispatching", "uncertain", "queued", "running")

JOB = Machine(
    name="job",
    states=JobState,
    initial=JobState.AWAITING_APPROVAL,
    moves=moves(
        ("approve", ["awaiting_approval"], "approved"),
        ("reject", ["awaiting_approval"], "rejected"),
        ("claim", ["approved"], "dispatching"),
        ("accept", ["dispatching", "uncertain"], "queued"),
        # A restored database knows nothing of what was sent after its backup.
        ("adopt", ["awaiting_approval", "approved"], "queued"),
        ("put_back", ["dispatching", "uncertain"], "approved"),
        ("refuse", ["dispatching", "uncertain", "approved"], "refused"),
        ("lose_sight", ["dispatching", "queued", "running"], "uncertain"),
        ("requeue", ["running"], "queued"),
        ("start", ["queued", "uncertain"], "running"),
        ("cancel", ["awaiting_approval", "approved"], "cancelled"),
        *[(f"end_{end}", ["queued", "running", "uncertain"], end) for end in ENDS],
    ),
)


class AttemptOutcome(models.TextChoices):
    """What is known of one POST."""

    OPEN = "open", _("No answer yet")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    NOT_SENT = "not_sent", _("Provably not carried out")
    UNCLEAR = "unclear", _("No clear answer")
    FOUND = "found", _("Found on the cluster afterwards")
    ABSENT = "absent", _("Proven absent")


class LoginState(models.TextChoices):
    """What becomes of the word that a person is a login."""

    PROPOSED = "proposed", _("To be confirmed")
    CONFIRMED = "confirmed", _("Confirmed")
    DECLINED = "declined", _("Declined")
    ENDED = "ended", _("Ended")


LOGIN = Machine(
    name="login",
    states=LoginState,
    initial=LoginState.PROPOSED,
    moves=moves(
        ("confirm", ["proposed"], "confirmed"),
        ("decline", ["proposed"], "declined"),
        ("end", ["confirmed"], "ended"),
    ),
)


class UploadState(models.TextChoices):
    """What becomes of a table of usage that an unbridged site uploaded."""

    CHECKED = "checked", _("Checked, to be accepted")
    ACCEPTED = "accepted", _("Accepted")
    DISCARDED = "discarded", _("Discarded")


UPLOAD = Machine(
    name="upload",
    states=UploadState,
    initial=UploadState.CHECKED,
    moves=moves(
        ("accept", ["checked"], "accepted"),
        ("discard", ["checked"], "discarded"),
    ),
)
