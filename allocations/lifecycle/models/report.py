"""What a project tells of its allocation: progress on the way, and what came of it in the end."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.interest import no_interest_trigger
from allocations.awards.models import Allocation
from allocations.lifecycle.models.guards import begins_as, independent
from allocations.lifecycle.transitions import REPORT, ReportState
from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class AllocationReport(Record):
    """One report that an allocation owes by `due_on`, as the version of its track asks."""

    class Kind(models.TextChoices):
        PROGRESS = "progress", _("Progress report")
        FINAL = "final", _("Final report")

    code = CodeField(prefix="rep")
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="reports")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    state = models.CharField(_("state"), max_length=10, choices=ReportState, default=ReportState.DUE)
    due_on = models.DateField(_("due on"))
    results = models.TextField(_("results"), max_length=8000, blank=True)
    publications = models.TextField(_("publications"), max_length=8000, blank=True)
    difficulties = models.TextField(_("difficulties"), max_length=8000, blank=True)
    plans = models.TextField(_("plans"), max_length=8000, blank=True)
    people_trained = models.PositiveIntegerField(_("people trained"), null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering = ["due_on", "id"]
        constraints = [
            REPORT.check(name="report_state"),
            models.UniqueConstraint(
                fields=["allocation"], condition=Q(kind="final"), name="report_final_once"
            ),
            models.UniqueConstraint(fields=["allocation", "kind", "due_on"], name="report_once"),
            models.CheckConstraint(
                name="report_complete",
                condition=Q(state=ReportState.DUE)
                | Q(submitted_by__isnull=False, submitted_at__isnull=False) & ~Q(results=""),
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="report_queue")]
        triggers = [
            REPORT.trigger(name="report_steps"),
            begins_as(ReportState.DUE),
            pgtrigger.Trigger(
                name="report_answered",
                operation=pgtrigger.UpdateOf("state"),
                when=pgtrigger.Before,
                func=(
                    "IF NEW.state IN ('accepted', 'returned') AND NOT EXISTS "
                    "(SELECT 1 FROM lifecycle_reportanswer a WHERE a.report_id = NEW.id "
                    "AND a.outcome = NEW.state AND a.created_at >= NEW.submitted_at) THEN "
                    "RAISE EXCEPTION 'report: % without an answer', NEW.state "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.code})"

    def get_absolute_url(self) -> str:
        return reverse("allocation_report", args=[self.code])

    @property
    def is_open(self) -> bool:
        """Whether the project still has to write it."""
        return self.state in (ReportState.DUE, ReportState.RETURNED)

    @property
    def is_overdue(self) -> bool:
        return self.is_open and self.due_on < clock.today()


_ALLOCATION = "(SELECT r.allocation_id FROM lifecycle_allocationreport r WHERE r.id = NEW.report_id)"

_PROJECT = (
    "(SELECT a.project_id FROM awards_allocation a "
    "JOIN lifecycle_allocationreport r ON r.allocation_id = a.id WHERE r.id = NEW.report_id)"
)


class ReportAnswer(models.Model):
    """A programme admin's word about a report that was handed in; never about one's own project's."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        RETURNED = "returned", _("Returned")

    report = models.ForeignKey(AllocationReport, on_delete=models.PROTECT, related_name="answers")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason = models.TextField(_("reason"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("answer to a report")
        verbose_name_plural = _("answers to reports")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="report_answer_reason", condition=Q(outcome="accepted") | ~Q(reason="")
            )
        ]
        triggers = [
            *append_only(),
            no_interest_trigger(
                name="no_interest",
                project_id=_PROJECT,
            ),
            independent(allocation_id=_ALLOCATION),
        ]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.outcome}"
