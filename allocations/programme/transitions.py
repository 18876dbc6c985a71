"""The life of a request, of its steps and of a site's consent."""

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


# Submitted, and no last word yet.
PENDING = frozenset({RequestState.SUBMITTED, RequestState.UNDER_REVIEW})

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
        # Only an appeal that was upheld leads back.
        ("reopen", ["declined"], "under_review"),
    ),
)


class StepState(models.TextChoices):
    PENDING = "pending", _("Still to come")
    OPEN = "open", _("Under way")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Not passed")
    SKIPPED = "skipped", _("Not needed")


STEP = Machine(
    name="step",
    states=StepState,
    initial=StepState.PENDING,
    moves=moves(
        ("open", ["pending"], "open"),
        ("pass", ["open"], "passed"),
        ("fail", ["open"], "failed"),
        ("skip", ["pending", "open"], "skipped"),
    ),
)


class ConsentState(models.TextChoices):
    ASKED = "asked", _("Asked")
    GIVEN = "given", _("Given")
    PRESUMED = "presumed", _("Given by silence")
    REFUSED = "refused", _("Refused")


CONSENT = Machine(
    name="consent",
    states=ConsentState,
    initial=ConsentState.ASKED,
    moves=moves(
        ("give", ["asked"], "given"),
        ("presume", ["asked"], "presumed"),
        ("refuse", ["asked", "given", "presumed"], "refused"),
    ),
)
