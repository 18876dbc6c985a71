"""The life of a verification."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import Machine, moves


class VerificationState(models.TextChoices):
    PENDING = "pending", _("Awaiting verification")
    ACCEPTED = "accepted", _("Verified")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    REVOKED = "revoked", _("Revoked")


VERIFICATION = Machine(
    name="verification",
    states=VerificationState,
    initial=VerificationState.PENDING,
    moves=moves(
        ("accept", ["pending"], "accepted"),
        ("refuse", ["pending"], "refused"),
        ("withdraw", ["pending"], "withdrawn"),
        ("revoke", ["accepted"], "revoked"),
    ),
)
