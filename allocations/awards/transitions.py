"""The life of an allocation. *Active* means that its limits were read back from Slurm."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import Machine, moves


class AllocationState(models.TextChoices):
    PROVISIONING = "provisioning", _("Being set up")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")
    CLOSED = "closed", _("Closed")


# For good: nothing more is sent, what is held goes as jobs end.
ENDED = frozenset({AllocationState.EXPIRED, AllocationState.REVOKED, AllocationState.CLOSED})

ALLOCATION = Machine(
    name="allocation",
    states=AllocationState,
    initial=AllocationState.PROVISIONING,
    moves=moves(
        ("activate", ["provisioning"], "active"),
        ("suspend", ["active"], "suspended"),
        ("resume", ["suspended"], "active"),
        ("expire", ["provisioning", "active", "suspended"], "expired"),
        ("revoke", ["provisioning", "active", "suspended"], "revoked"),
        ("close", ["expired", "revoked"], "closed"),
    ),
)
