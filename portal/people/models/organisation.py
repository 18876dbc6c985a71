"""Organisations, who belongs to them, and how we know that they are what they say."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record


class Organisation(Record):
    class Kind(models.TextChoices):
        STARTUP = "startup", _("Startup")
        ACADEMIC = "academic", _("Academic or research institution")
        AGENCY = "agency", _("Government agency")

    class Province(models.TextChoices):
        PUNJAB = "punjab", _("Punjab")
        SINDH = "sindh", _("Sindh")
        KP = "kp", _("Khyber Pakhtunkhwa")
        BALOCHISTAN = "balochistan", _("Balochistan")
        ISLAMABAD = "islamabad", _("Islamabad Capital Territory")
        AJK = "ajk", _("Azad Jammu and Kashmir")
        GB = "gb", _("Gilgit-Baltistan")

    code = CodeField(prefix="org")
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("class"), max_length=10, choices=Kind)
    province = models.CharField(_("province"), max_length=12, choices=Province)
    website = models.URLField(_("website"), blank=True)
    illustrative = models.BooleanField(_("illustrative"), default=False)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        from django.urls import reverse

        return reverse("organisation", args=[self.code])

    @property
    def is_verified(self) -> bool:
        """Whether a verification is in force today."""
        return any(verification.is_in_force for verification in self.verifications.all())


class Membership(Record):
    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        MEMBER = "member", _("Member")

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.MEMBER)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation}"


class Verification(Record):
    """A claim with evidence, and a verifier's word on it. The verifier is never a member."""

    class State(models.TextChoices):
        PENDING = "pending", _("Awaiting verification")
        ACCEPTED = "accepted", _("Verified")
        REFUSED = "refused", _("Refused")

    code = CodeField(prefix="ver")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="verifications")
    identifier_kind = models.CharField(_("kind of identifier"), max_length=20)
    identifier = models.CharField(_("identifier"), max_length=60)
    evidence = models.FileField(_("evidence"), upload_to="evidence/%Y/%m/", max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
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
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"], condition=models.Q(state="pending"), name="verification_one_pending"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.get_state_display()}"

    @property
    def is_in_force(self) -> bool:
        return self.state == self.State.ACCEPTED and (
            self.expires_on is None or self.expires_on >= clock.today()
        )
