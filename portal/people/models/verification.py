"""How we know that an organisation is what it says."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.people.models.organisation import Organisation
from portal.people.transitions import VERIFICATION, VerificationState

# Decided by a verifier; the others are still open or were taken back by the organisation itself.
DECIDED = (VerificationState.ACCEPTED, VerificationState.REFUSED, VerificationState.REVOKED)


def evidence_path(verification: Any, filename: str) -> str:
    """Where evidence is kept: named by us, since the name that a browser sends proves nothing."""
    extension = filename.rpartition(".")[2]
    return f"evidence/{clock.today():%Y/%m}/{verification.code}.{extension}"


class Verification(Record):
    """A claim with evidence, and a verifier's word on it. The verifier is never a member."""

    State = VerificationState

    code = CodeField(prefix="ver")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="verifications")
    identifier_kind = models.CharField(_("kind of identifier"), max_length=20)
    identifier = models.CharField(_("identifier"), max_length=60)
    evidence = models.FileField(_("evidence"), upload_to=evidence_path, max_length=200)
    state = models.CharField(
        _("state"), max_length=10, choices=VerificationState, default=VerificationState.PENDING
    )
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verifier = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    expires_on = models.DateField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        ordering = ["-created_at", "-id"]
        constraints = [
            VERIFICATION.check(name="verification_state"),
            models.UniqueConstraint(
                fields=["organisation"], condition=models.Q(state="pending"), name="verification_one_pending"
            ),
            models.CheckConstraint(
                name="verification_decided",
                condition=~models.Q(state__in=DECIDED)
                | models.Q(verifier__isnull=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="verification_expires",
                condition=~models.Q(state="accepted") | models.Q(expires_on__isnull=False),
            ),
            models.CheckConstraint(
                name="verification_not_by_claimant",
                condition=models.Q(verifier__isnull=True) | ~models.Q(verifier=models.F("submitted_by")),
            ),
        ]
        triggers = [VERIFICATION.trigger(name="verification_steps")]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.get_state_display()}"

    def get_absolute_url(self) -> str:
        return reverse("verification", args=[self.code])

    @property
    def is_in_force(self) -> bool:
        return (
            self.state == VerificationState.ACCEPTED
            and self.expires_on is not None
            and self.expires_on >= clock.today()
        )
