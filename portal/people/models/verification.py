"""How we know that an organisation is what it says."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only
from portal.people.models.organisation import Organisation
from portal.people.transitions import VERIFICATION, VerificationState

# Decided by a verifier; the others are still open or were taken back by the organisation itself.
DECIDED = (VerificationState.ACCEPTED, VerificationState.REFUSED, VerificationState.REVOKED)


# The only decision without a verifier.
BY_RULE = models.Q(state=VerificationState.ACCEPTED, verifier__isnull=True) & ~models.Q(rule="")

TWO_WORDS = pgtrigger.Trigger(
    name="verification_two_words",
    operation=pgtrigger.Insert | pgtrigger.Update,
    when=pgtrigger.Before,
    func="""
        IF NEW.state = 'accepted' AND (TG_OP = 'INSERT' OR OLD.state IS DISTINCT FROM NEW.state)
            AND EXISTS (
                SELECT FROM people_organisation WHERE id = NEW.organisation_id AND kind = 'agency'
            )
            AND (SELECT count(*) FROM people_verificationword WHERE verification_id = NEW.id) < 2
        THEN
            RAISE EXCEPTION 'verification: an agency needs the words of two verifiers'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)

UNCONCERNED = pgtrigger.Trigger(
    name="verificationword_unconcerned",
    operation=pgtrigger.Insert,
    when=pgtrigger.Before,
    func="""
        IF EXISTS (
            SELECT FROM people_verification v
            LEFT JOIN people_membership m ON m.organisation_id = v.organisation_id
            WHERE v.id = NEW.verification_id
                AND (NEW.verifier_id IN (v.submitted_by_id, m.user_id)
                    OR NEW.seat_id IN (v.submitted_by_id, m.user_id))
        ) THEN
            RAISE EXCEPTION 'verification: a verifier has no part in the organisation'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    """,
)


def evidence_path(verification: Any, filename: str) -> str:
    """Where evidence is kept: named by us, since the name that a browser sends proves nothing."""
    extension = filename.rpartition(".")[2]
    return f"evidence/{clock.today():%Y/%m}/{verification.code}.{extension}"


class Rule(models.TextChoices):
    """What may verify without a person."""

    RECOGNISED_INSTITUTION = "recognised_institution", _("Address in a recognised institution's domain")


def words_needed(organisation_kind: str) -> int:
    """How many verifiers must vouch for an organisation of this class."""
    return 2 if organisation_kind == Organisation.Kind.AGENCY else 1


class Verification(Record):
    """A claim with evidence, and the verifiers' words on it. A verifier is never a member.

    It is about the identity, the province and, where `women_led` was claimed, about that as well.
    """

    State = VerificationState
    Rule = Rule

    code = CodeField(prefix="ver")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="verifications")
    identifier_kind = models.CharField(_("kind of identifier"), max_length=20)
    identifier = models.CharField(_("identifier"), max_length=60)
    province = models.CharField(_("province"), max_length=12, choices=Organisation.Province, blank=True)
    women_led = models.BooleanField(_("claims to be women-led"), default=False)
    women_led_confirmed = models.BooleanField(_("verified as women-led"), default=False)
    evidence = models.FileField(_("evidence"), upload_to=evidence_path, max_length=200, blank=True)
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
    rule = models.CharField(
        _("rule"), max_length=24, choices=Rule, blank=True, help_text=_("Where no person decided.")
    )
    # The fewest days before the end of which the owners were told; 0: they were told that it ended.
    reminded_days = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)

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
                | models.Q(verifier__isnull=False, decided_at__isnull=False)
                | models.Q(BY_RULE, decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="verification_by_rule",
                condition=models.Q(rule="") | models.Q(identifier_kind="hec"),
            ),
            models.CheckConstraint(
                name="verification_women_led",
                condition=models.Q(women_led=True) | models.Q(women_led_confirmed=False),
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
        triggers = [VERIFICATION.trigger(name="verification_steps"), TWO_WORDS]

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

    @property
    def words_needed(self) -> int:
        """How many verifiers must vouch."""
        return words_needed(self.organisation.kind)


class VerificationWord(Record):
    """One verifier vouches, until a day. Written once; nobody speaks twice, nor twice from one seat."""

    verification = models.ForeignKey(Verification, on_delete=models.PROTECT, related_name="words")
    verifier = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Whose role it was: the verifier's own, or that of the person for whom they stand in.
    seat = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    expires_on = models.DateField(_("valid until"))
    women_led = models.BooleanField(_("found to be women-led"), default=False)
    remark = models.TextField(_("remark"), blank=True)

    class Meta:
        verbose_name = _("verifier's word")
        verbose_name_plural = _("verifiers' words")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["verification", "verifier"], name="verificationword_once"),
            models.UniqueConstraint(fields=["verification", "seat"], name="verificationword_seat_once"),
        ]
        triggers = [*append_only(), UNCONCERNED]

    def __str__(self) -> str:
        return f"{self.verification}: {self.verifier}"
