"""The life of a request."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import Machine, moves


class RequestState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Submitted")
    UNDER_REVIEW = "under_review", _("Under review")
    RETURNED = "returned", _("Returned")
    APPROVED = "approved", _("Approved")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


REQUEST = Machine(
    name="request",
    states=RequestState,
    initial=RequestState.DRAFT,
    moves=moves(
        ("submit", ["draft", "returned"], "submitted"),
        ("take_up", ["submitted"], "under_review"),
        ("return", ["submitted", "under_review"], "returned"),
        ("approve", ["submitted", "under_review"], "approved"),
        ("decline", ["submitted", "under_review"], "declined"),
        ("withdraw", ["draft", "submitted", "under_review", "returned"], "withdrawn"),
    ),
)
