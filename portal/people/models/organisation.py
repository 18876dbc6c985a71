"""Organisations, who belongs to them, and who is asked to."""

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record

# What the word means wherever it is asked for, verified or counted.
WOMEN_LED = _(
    "Women hold at least 51 percent of it, or a woman leads it as chief executive or principal investigator."
)


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
    women_led = models.BooleanField(_("women-led"), default=False, help_text=WOMEN_LED)
    website = models.URLField(_("website"), blank=True)
    # Who has an address there joins by it. Its name and province are the listed ones, and whoever came first
    # doesn't own it: see services/recognition.py.
    institution = models.OneToOneField(
        "people.RecognisedInstitution",
        verbose_name=_("recognised institution"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
    )
    illustrative = models.BooleanField(_("illustrative"), default=False)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("organisation", args=[self.code])

    @property
    def is_verified(self) -> bool:
        """Whether a verification is in force today."""
        return any(verification.is_in_force for verification in self.verifications.all())

    @property
    def is_awaiting(self) -> bool:
        """Whether a claim awaits a verifier."""
        return any(verification.state == "pending" for verification in self.verifications.all())

    @property
    def counts_as_women_led(self) -> bool:
        """Whether a verification in force confirms it: what the organisation says itself doesn't count."""
        return any(
            verification.is_in_force and verification.women_led_confirmed
            for verification in self.verifications.all()
        )

    @property
    def lapsed_on(self) -> date | None:
        """The last day on which it was verified, where its verification ran out and none followed."""
        if self.is_verified:
            return None
        days = [row.expires_on for row in self.verifications.all() if row.state == "accepted"]
        return max((day for day in days if day), default=None)

    @property
    def verified_until(self) -> date | None:
        """The last day of the longest verification in force."""
        days = [
            verification.expires_on for verification in self.verifications.all() if verification.is_in_force
        ]
        return max(day for day in days if day) if days else None


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


class Removal(Record):
    """Somebody whom others took out. Their address alone brings them back no more; see `member_readmit`."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="removals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="removals")

    class Meta:
        verbose_name = _("removal")
        verbose_name_plural = _("removals")
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["organisation", "user"], name="removal_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation}"


class Invitation(Record):
    """An address that was asked to join. Whoever proves to own it may accept until `expires_at`."""

    class State(models.TextChoices):
        PENDING = "pending", _("Awaiting an answer")
        ACCEPTED = "accepted", _("Accepted")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    code = CodeField(prefix="inv")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=10, choices=Membership.Role, default=Membership.Role.MEMBER)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(_("valid until"))

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                "organisation",
                Lower("email"),
                condition=models.Q(state="pending"),
                name="invitation_one_pending",
            ),
            models.CheckConstraint(
                name="invitation_state",
                condition=models.Q(state__in=["pending", "accepted", "declined", "withdrawn"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.organisation}"

    def get_absolute_url(self) -> str:
        return reverse("invitation", args=[self.code])

    @property
    def is_open(self) -> bool:
        """Whether it can still be answered."""
        return self.state == self.State.PENDING and self.expires_at > clock.now()
