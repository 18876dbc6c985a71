"""Allocations (project × resource × period), and the awards that feed them."""

from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.interest import no_interest_trigger
from allocations.awards.transitions import ALLOCATION, AllocationState
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class Allocation(Record):
    """A project's budget on one resource for one period. The amounts live in the ledger, under `code`."""

    code = CodeField(prefix="alc")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="allocations")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="allocations")
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))
    state = models.CharField(
        _("state"), max_length=14, choices=AllocationState, default=AllocationState.PROVISIONING
    )
    activated_at = models.DateTimeField(_("activated"), null=True, blank=True)

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        ordering = ["-created_at", "-id"]
        constraints = [
            ALLOCATION.check(name="allocation_state"),
            models.CheckConstraint(
                name="allocation_period", condition=models.Q(ends_on__gte=models.F("starts_on"))
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-created_at"], name="allocation_project"),
            models.Index(fields=["resource", "state"], name="allocation_resource"),
        ]
        triggers = [ALLOCATION.trigger(name="allocation_steps")]

    def __str__(self) -> str:
        return f"{self.resource} · {self.code}"

    def get_absolute_url(self) -> str:
        return reverse("allocation", args=[self.code])


class Award(models.Model):
    """What was decided, once and for ever: so many GPU-seconds, for a period, by whom and why."""

    code = CodeField(prefix="awd")
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="awards")
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"))
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))
    # Null: a track's rule decided.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.TextField(_("reason"), blank=True)
    oversubscribed = models.BigIntegerField(
        _("beyond free capacity (GPU-seconds)"), default=0, help_text=_("Only by a recorded override.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # Codes of the quotas that its override broke, known to who has just made it; the audit keeps them.
    overrode: Sequence[str] = ()

    class Meta:
        verbose_name = _("award")
        verbose_name_plural = _("awards")
        ordering = ["-id"]
        constraints = [models.CheckConstraint(name="award_positive", condition=models.Q(gpu_seconds__gt=0))]
        triggers = [
            *append_only(),
            no_interest_trigger(
                name="no_interest",
                project_id="(SELECT a.project_id FROM awards_allocation a WHERE a.id = NEW.allocation_id)",
            ),
        ]

    def __str__(self) -> str:
        return str(self.code)
