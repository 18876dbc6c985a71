"""The life of a review."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import Machine, moves


class ReviewState(models.TextChoices):
    ASSIGNED = "assigned", _("Asked for")
    SUBMITTED = "submitted", _("Submitted")
    RECUSED = "recused", _("Recused")
    EXPIRED = "expired", _("Expired")


REVIEW = Machine(
    name="review",
    states=ReviewState,
    initial=ReviewState.ASSIGNED,
    moves=moves(
        ("submit", ["assigned"], "submitted"),
        ("recuse", ["assigned"], "recused"),
        ("expire", ["assigned"], "expired"),
        # Until the step closes; what was said is kept as a version.
        ("reopen", ["submitted"], "assigned"),
    ),
)
