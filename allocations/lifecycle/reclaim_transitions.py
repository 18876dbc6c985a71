"""The life of a case of reclamation, and of the request to be exempted from it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import Machine, moves


class CaseState(models.TextChoices):
    WARNED = "warned", _("Warned")
    WARNED_AGAIN = "warned_again", _("Warned again")
    TAKEN = "taken", _("Taken back")
    EXEMPTED = "exempted", _("Exempted")
    CURED = "cured", _("Used more since")
    DROPPED = "dropped", _("Dropped")


OPEN_CASE = (CaseState.WARNED, CaseState.WARNED_AGAIN)

CASE = Machine(
    name="case",
    states=CaseState,
    initial=CaseState.WARNED,
    moves=moves(
        ("warn_again", ["warned"], "warned_again"),
        # Never before both warnings.
        ("take", ["warned_again"], "taken"),
        ("exempt", ["warned", "warned_again"], "exempted"),
        ("cure", ["warned", "warned_again"], "cured"),
        # The allocation ended, or the rule no longer takes.
        ("drop", ["warned", "warned_again"], "dropped"),
    ),
)


class ExemptionState(models.TextChoices):
    PENDING = "pending", _("Awaiting an answer")
    GRANTED = "granted", _("Granted")
    REFUSED = "refused", _("Refused")
    MOOT = "moot", _("No longer needed")


EXEMPTION = Machine(
    name="exemption",
    states=ExemptionState,
    initial=ExemptionState.PENDING,
    moves=moves(
        ("grant", ["pending"], "granted"),
        ("refuse", ["pending"], "refused"),
        # The case ended in another way.
        ("settle", ["pending"], "moot"),
    ),
)
