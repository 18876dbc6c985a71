"""Use it or lose it: the rules, and what becomes of each allocation that falls under one."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from allocations.awards.interest import no_interest_trigger
from allocations.awards.models import Allocation
from allocations.lifecycle.models.guards import begins_as
from allocations.lifecycle.reclaim_transitions import CASE, EXEMPTION, CaseState, ExemptionState
from allocations.programme.models import Track
from datacenters.models import Resource
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only

PERCENT = [MinValueValidator(1), MaxValueValidator(100)]


class ReclaimRule(Record):
    """One check of allocations, such as that at half of the period. What it says stands in its versions."""

    code = CodeField(prefix="rcl")
    name_en = models.CharField(_("name (English)"), max_length=120)
    name_ur = models.CharField(_("name (Urdu)"), max_length=120)

    class Meta:
        verbose_name = _("rule of reclamation")
        verbose_name_plural = _("rules of reclamation")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name_ur if get_language() == "ur" else self.name_en

    def get_absolute_url(self) -> str:
        return reverse("reclaim_rule", args=[self.code])

    @property
    def version(self) -> "ReclaimRuleVersion":
        """The one in force, from what was prefetched: versions come the latest first."""
        return self.versions.all()[0]


class ReclaimRuleVersion(models.Model):
    """What a rule says from one moment on. Never changed; a case keeps the one that it was opened under.

    At `check_percent` of the period, whoever has used less than `used_below_percent` of what is granted loses
    `take_percent` of what is neither used nor held.
    """

    rule = models.ForeignKey(ReclaimRule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    track = models.ForeignKey(
        Track,
        verbose_name=_("track"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("None: allocations of every track."),
    )
    resource = models.ForeignKey(
        Resource,
        verbose_name=_("resource"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("None: on every resource."),
    )
    check_percent = models.PositiveSmallIntegerField(
        _("check at (% of the period)"), validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    used_below_percent = models.PositiveSmallIntegerField(
        _("where less is used than (%)"), validators=PERCENT
    )
    take_percent = models.PositiveSmallIntegerField(_("take of the unused (%)"), validators=PERCENT)
    first_warning_days = models.PositiveSmallIntegerField(
        _("first warning (days before)"), validators=[MinValueValidator(2), MaxValueValidator(90)]
    )
    second_warning_days = models.PositiveSmallIntegerField(
        _("second warning (days before)"), validators=[MinValueValidator(1), MaxValueValidator(89)]
    )
    min_age_days = models.PositiveSmallIntegerField(
        _("never before so many days of use"), default=14, validators=[MaxValueValidator(365)]
    )
    enforced = models.BooleanField(
        _("enforced"), default=False, help_text=_("Else it is only told what it would do.")
    )
    note = models.CharField(_("why this version"), max_length=300)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("version of a rule of reclamation")
        verbose_name_plural = _("versions of rules of reclamation")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="reclaim_version_once"),
            models.CheckConstraint(
                name="reclaim_percentages",
                condition=Q(
                    check_percent__range=(1, 99),
                    used_below_percent__range=(1, 100),
                    take_percent__range=(1, 100),
                ),
            ),
            models.CheckConstraint(
                name="reclaim_two_warnings",
                condition=Q(first_warning_days__gt=F("second_warning_days"), second_warning_days__gte=1),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.rule} {self.number}"


class ReclaimCase(Record):
    """An allocation that a rule caught: warned, warned again, and then one of four ends. Moments are UTC.

    `due_at` is when the hours are taken at the earliest; an outage moves it on.
    """

    code = CodeField(prefix="rcc")
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="reclaim_cases")
    rule = models.ForeignKey(ReclaimRule, on_delete=models.PROTECT, related_name="cases")
    version = models.ForeignKey(ReclaimRuleVersion, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=14, choices=CaseState, default=CaseState.WARNED)
    due_at = models.DateTimeField(_("due"))
    warned_again_at = models.DateTimeField(_("warned again"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    taken_gpu_seconds = models.BigIntegerField(_("taken back (GPU-seconds)"), default=0)

    class Meta:
        verbose_name = _("case of reclamation")
        verbose_name_plural = _("cases of reclamation")
        ordering = ["-id"]
        constraints = [
            CASE.check(name="reclaim_case_state"),
            models.UniqueConstraint(fields=["allocation", "rule"], name="reclaim_checked_once"),
            models.CheckConstraint(
                name="reclaim_taken",
                condition=Q(state=CaseState.TAKEN, taken_gpu_seconds__gt=0)
                | (~Q(state=CaseState.TAKEN) & Q(taken_gpu_seconds=0)),
            ),
        ]
        triggers = [CASE.trigger(name="reclaim_case_steps"), begins_as(CaseState.WARNED)]

    def __str__(self) -> str:
        return str(self.code)

    def get_absolute_url(self) -> str:
        return reverse("reclaim_case", args=[self.code])


class ReclaimExemption(Record):
    """A project's request to keep its hours, once a case. While it awaits its answer nothing is taken."""

    code = CodeField(prefix="rce")
    case = models.OneToOneField(ReclaimCase, on_delete=models.PROTECT, related_name="exemption")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(_("reason"), max_length=2000)
    state = models.CharField(_("state"), max_length=8, choices=ExemptionState, default=ExemptionState.PENDING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    answer = models.TextField(_("answer"), max_length=2000, blank=True)

    class Meta:
        verbose_name = _("exemption from reclamation")
        verbose_name_plural = _("exemptions from reclamation")
        constraints = [
            EXEMPTION.check(name="reclaim_exemption_state"),
            models.CheckConstraint(
                name="reclaim_exemption_decided",
                condition=~Q(state__in=[ExemptionState.GRANTED, ExemptionState.REFUSED])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
            ),
        ]
        triggers = [
            EXEMPTION.trigger(name="reclaim_exemption_steps"),
            begins_as(ExemptionState.PENDING),
            no_interest_trigger(
                name="no_interest",
                on_update=True,
                project_id=(
                    "(SELECT a.project_id FROM lifecycle_reclaimcase c "
                    "JOIN awards_allocation a ON a.id = c.allocation_id WHERE c.id = NEW.case_id)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(self.code)
