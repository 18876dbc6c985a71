"""Requests for GPU-hours, and what was decided about them."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.interest import no_interest_trigger
from allocations.awards.models import Award
from allocations.programme.transitions import REQUEST, RequestState
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only

# Only while its owners still write it may a request be incomplete.
UNFINISHED = (RequestState.DRAFT, RequestState.RETURNED, RequestState.WITHDRAWN)


class AllocationRequest(Record):
    """GPU-hours asked for a project, from the first draft to the decision."""

    code = CodeField(prefix="req")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="requests")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests"
    )
    state = models.CharField(_("state"), max_length=14, choices=RequestState, default=RequestState.DRAFT)
    starts_on = models.DateField(_("from"), null=True, blank=True)
    ends_on = models.DateField(_("until"), null=True, blank=True)
    justification = models.TextField(_("justification"), max_length=8000, blank=True)
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        ordering = ["-created_at", "-id"]
        constraints = [
            REQUEST.check(name="request_state"),
            models.CheckConstraint(
                name="request_period", condition=models.Q(ends_on__gte=models.F("starts_on"))
            ),
            models.CheckConstraint(
                name="request_complete",
                condition=models.Q(state__in=UNFINISHED)
                | models.Q(starts_on__isnull=False, ends_on__isnull=False, submitted_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-created_at"], name="request_project"),
            models.Index(fields=["state", "submitted_at"], name="request_queue"),
        ]
        triggers = [
            REQUEST.trigger(name="request_steps"),
            pgtrigger.Trigger(
                name="request_decided",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),
                when=pgtrigger.Before,
                func=(
                    "IF NEW.state IN ('approved', 'declined', 'returned') AND NOT EXISTS "
                    "(SELECT 1 FROM programme_decision d "
                    "WHERE d.request_id = NEW.id AND d.outcome = NEW.state) THEN "
                    "RAISE EXCEPTION 'request: % without a decision', NEW.state "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project.title} ({self.code})"

    def get_absolute_url(self) -> str:
        return reverse("request", args=[self.code])


class RequestLine(Record):
    """So many GPU-seconds of one resource; a draft may lack either. One line a request for now."""

    request = models.ForeignKey(AllocationRequest, on_delete=models.CASCADE, related_name="lines")
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, related_name="request_lines", null=True, blank=True
    )
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"), null=True, blank=True)

    class Meta:
        verbose_name = _("request line")
        constraints = [
            models.UniqueConstraint(fields=["request", "resource"], name="request_line_once"),
            models.CheckConstraint(name="request_line_positive", condition=models.Q(gpu_seconds__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.resource}: {self.gpu_seconds}"


class Decision(models.Model):
    """One person's word on a request. Never one's own, never one's own organisation's: held here too."""

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("Approved")
        DECLINED = "declined", _("Declined")
        RETURNED = "returned", _("Returned")

    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="decisions")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason = models.TextField(_("reason"), blank=True)
    override_reason = models.TextField(_("why beyond free capacity"), blank=True)
    award = models.OneToOneField(Award, on_delete=models.PROTECT, null=True, related_name="decision")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="decision_award",
                condition=models.Q(outcome="approved", award__isnull=False)
                | (~models.Q(outcome="approved") & models.Q(award__isnull=True) & ~models.Q(reason="")),
            )
        ]
        triggers = [
            *append_only(),
            no_interest_trigger(
                name="no_interest",
                project_id=(
                    "(SELECT r.project_id FROM programme_allocationrequest r WHERE r.id = NEW.request_id)"
                ),
                also=(
                    "EXISTS (SELECT 1 FROM programme_allocationrequest r "
                    "WHERE r.id = NEW.request_id AND r.requested_by_id = NEW.decided_by_id)"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.outcome}"
