"""Where a request stands: its steps, who was asked, and who may not have a say."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from allocations.programme.models.guards import independent_trigger
from allocations.programme.models.request import AllocationRequest
from allocations.programme.models.track import TrackStep
from allocations.programme.transitions import CONSENT, STEP, ConsentState, StepState
from datacenters.models import Site
from portal.foundation import clock
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class RequestStep(Record):
    """One step of one round of a request. Together they are its public clock."""

    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="steps")
    round = models.PositiveSmallIntegerField(_("round"))
    step = models.ForeignKey(TrackStep, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(_("kind"), max_length=12, choices=TrackStep.Kind)
    state = models.CharField(_("state"), max_length=10, choices=StepState, default=StepState.PENDING)
    opened_at = models.DateTimeField(_("since"), null=True, blank=True)
    due_at = models.DateTimeField(_("until"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # In whose seat, where a deputy closed it.
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    escalated_at = models.DateTimeField(_("overdue told"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("step of a request")
        verbose_name_plural = _("steps of requests")
        ordering = ["round", "position"]
        constraints = [
            STEP.check(name="request_step_state"),
            models.UniqueConstraint(fields=["request", "round", "position"], name="request_step_once"),
            models.UniqueConstraint(
                fields=["request"], condition=models.Q(state="open"), name="request_step_one_open"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="request_step_due", condition=models.Q(state="open"))]
        triggers = [
            STEP.trigger(name="request_step_steps"),
            independent_trigger(
                name="independent",
                who=("closed_by_id", "on_behalf_of_id"),
                condition="NEW.state IN ('passed', 'failed')",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.kind}"

    @property
    def is_overdue(self) -> bool:
        return self.state == StepState.OPEN and self.due_at is not None and self.due_at < clock.now()


class SiteConsent(Record):
    """Whether a site takes what a request asks of it."""

    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="consents")
    round = models.PositiveSmallIntegerField(_("round"))
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=ConsentState, default=ConsentState.ASKED)
    due_at = models.DateTimeField(_("until"))
    silence_consents = models.BooleanField(_("silence consents"), default=False)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # In whose seat, where a deputy answered.
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    taken_over = models.BooleanField(
        _("answered by the programme"), default=False, help_text=_("The site stayed silent beyond its time.")
    )
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        verbose_name = _("consent of a site")
        verbose_name_plural = _("consents of sites")
        ordering = ["id"]
        constraints = [
            CONSENT.check(name="consent_state"),
            models.UniqueConstraint(fields=["request", "round", "site"], name="consent_once"),
            models.CheckConstraint(
                name="consent_taken_over", condition=models.Q(taken_over=False) | ~models.Q(reason="")
            ),
        ]
        triggers = [
            CONSENT.trigger(name="consent_steps"),
            independent_trigger(
                name="independent",
                who=("answered_by_id", "on_behalf_of_id"),
                condition="NEW.state <> 'asked'",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.site}"

    @property
    def is_overdue(self) -> bool:
        """Whether it is still waited for after its time; where silence consents that ends it instead."""
        silent = self.state == ConsentState.ASKED and not self.silence_consents
        return silent and self.due_at is not None and self.due_at < clock.now()


class Conflict(models.Model):
    """Why somebody has no say about a request. Declared or found, it stays.

    What is real or apparent keeps them from deciding: the database sees to that too.
    """

    class Severity(models.TextChoices):
        REAL = "real", _("Real")
        APPARENT = "apparent", _("Apparent")
        POTENTIAL = "potential", _("Potential")

    class Kind(models.TextChoices):
        OWN_ORGANISATION = "own_organisation", _("Own organisation")
        SHARED_PROJECT = "shared_project", _("Works on a project with its people")
        PAST_PROJECT = "past_project", _("Worked on a project with its people")
        DECLARED = "declared", _("Declared")

    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="conflicts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conflicts")
    severity = models.CharField(_("severity"), max_length=10, choices=Severity)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    note = models.TextField(_("note"), max_length=2000, blank=True)
    found = models.BooleanField(_("found automatically"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    BLOCKING = (Severity.REAL, Severity.APPARENT)

    class Meta:
        verbose_name = _("conflict of interest")
        verbose_name_plural = _("conflicts of interest")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["request", "user", "kind"], name="conflict_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.request_id}: {self.user} ({self.severity})"
