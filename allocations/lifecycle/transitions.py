"""The lives of a change, of a report and of an appeal."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import Machine, moves


class ChangeState(models.TextChoices):
    REQUESTED = "requested", _("Requested")
    APPROVED = "approved", _("Approved")
    DONE = "done", _("Done")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    LAPSED = "lapsed", _("Lapsed")


CHANGE = Machine(
    name="change",
    states=ChangeState,
    initial=ChangeState.REQUESTED,
    moves=moves(
        ("approve", ["requested"], "approved"),
        # What needs nobody's word: hours given back.
        ("carry_out", ["requested"], "done"),
        ("decline", ["requested"], "declined"),
        ("withdraw", ["requested"], "withdrawn"),
        ("lapse", ["requested"], "lapsed"),
        # Only an appeal that was upheld leads back.
        ("reopen", ["declined"], "requested"),
    ),
)


class ReportState(models.TextChoices):
    DUE = "due", _("Due")
    SUBMITTED = "submitted", _("Submitted")
    RETURNED = "returned", _("Returned")
    ACCEPTED = "accepted", _("Accepted")


REPORT = Machine(
    name="report",
    states=ReportState,
    initial=ReportState.DUE,
    moves=moves(
        ("submit", ["due", "returned"], "submitted"),
        ("return", ["submitted"], "returned"),
        ("accept", ["submitted"], "accepted"),
    ),
)


class AppealState(models.TextChoices):
    FILED = "filed", _("Filed")
    UPHELD = "upheld", _("Upheld")
    DISMISSED = "dismissed", _("Dismissed")
    WITHDRAWN = "withdrawn", _("Withdrawn")


APPEAL = Machine(
    name="appeal",
    states=AppealState,
    initial=AppealState.FILED,
    moves=moves(
        ("uphold", ["filed"], "upheld"),
        ("dismiss", ["filed"], "dismissed"),
        ("withdraw", ["filed"], "withdrawn"),
    ),
)
