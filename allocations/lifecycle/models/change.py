"""What a project asks to be changed about an allocation, and what was said about it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.interest import no_interest_trigger
from allocations.awards.models import Allocation
from allocations.lifecycle.models.guards import begins_as, independent, keeps
from allocations.lifecycle.transitions import CHANGE, ChangeState
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class ChangeKind(models.TextChoices):
    SUPPLEMENT = "supplement", _("Supplement")
    ADVANCE = "advance", _("Advance")
    EXTENSION = "extension", _("Extension")
    TRANSFER = "transfer", _("Transfer")
    GIVE_BACK = "give_back", _("Early return")


_AMOUNT = Q(gpu_seconds__gt=0)
_SHAPE = (
    Q(kind__in=[ChangeKind.SUPPLEMENT, ChangeKind.ADVANCE, ChangeKind.GIVE_BACK], ends_on=None, target=None)
    & _AMOUNT
    | Q(kind=ChangeKind.EXTENSION, ends_on__isnull=False, target=None, gpu_seconds=None)
    | Q(kind=ChangeKind.TRANSFER, ends_on=None, target__isnull=False) & _AMOUNT
)


class ChangeRequest(Record):
    """One change of an allocation, asked for by its project. Amounts are GPU-seconds.

    `persons` is how many must approve, settled when it is asked for by its kind's workflow; 0: a rule has
    approved, or nobody need. `round` counts up when an appeal leads it back to other deciders.
    """

    code = CodeField(prefix="chg")
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(_("kind"), max_length=12, choices=ChangeKind)
    state = models.CharField(_("state"), max_length=10, choices=ChangeState, default=ChangeState.REQUESTED)
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"), null=True, blank=True)
    ends_on = models.DateField(_("new last day"), null=True, blank=True)
    ended_on = models.DateField(_("last day before"), null=True, blank=True)
    target = models.ForeignKey(
        Allocation,
        verbose_name=_("to"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incoming_changes",
    )
    reason = models.TextField(_("reason"), max_length=4000)
    persons = models.PositiveSmallIntegerField(_("persons who must approve"))
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    beyond_rule = models.TextField(_("why people decide"), blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-created_at", "-id"]
        constraints = [
            CHANGE.check(name="change_state"),
            models.CheckConstraint(name="change_shape", condition=_SHAPE),
            models.CheckConstraint(
                name="change_persons",
                condition=Q(persons__lte=2) & (~Q(kind=ChangeKind.ADVANCE) | Q(persons__gt=0)),
            ),
            models.CheckConstraint(
                name="change_done_without_a_word",
                condition=~Q(state=ChangeState.DONE) | Q(kind=ChangeKind.GIVE_BACK),
            ),
            models.UniqueConstraint(
                fields=["allocation", "kind"],
                condition=Q(state=ChangeState.REQUESTED),
                name="change_one_open_of_a_kind",
            ),
        ]
        indexes = [models.Index(fields=["state", "created_at"], name="change_queue")]
        triggers = [
            CHANGE.trigger(name="change_steps"),
            begins_as(ChangeState.REQUESTED),
            keeps(
                "allocation_id", "kind", "gpu_seconds", "ends_on", "target_id", "requested_by_id", "persons"
            ),
            pgtrigger.Trigger(
                name="change_decided",
                operation=pgtrigger.UpdateOf("state"),
                when=pgtrigger.Before,
                # As many different persons of this round as the change needs; where it needs none, a rule.
                func=(
                    "IF NEW.state = 'declined' AND NOT EXISTS (SELECT 1 FROM lifecycle_changedecision d "
                    "WHERE d.change_id = NEW.id AND d.round = NEW.round AND d.outcome = 'declined') "
                    "OR NEW.state = 'approved' AND (SELECT count(*) FROM lifecycle_changedecision d "
                    "WHERE d.change_id = NEW.id AND d.round = NEW.round AND d.outcome = 'approved' "
                    "AND (NEW.persons = 0 OR d.decided_by_id IS NOT NULL)) < greatest(NEW.persons, 1) THEN "
                    "RAISE EXCEPTION 'change: % without a decision', NEW.state "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.code})"

    def get_absolute_url(self) -> str:
        return reverse("change", args=[self.code])


_CHANGE = "(SELECT c.{} FROM lifecycle_changerequest c WHERE c.id = NEW.change_id)"


class ChangeDecision(models.Model):
    """One person's word about a change, or a rule's (`decided_by` null).

    Nobody speaks twice, not even in a later round, nor about what they have an interest in: held here too.
    A deputy's word takes the seat of the person they stand in for.
    """

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("Approved")
        DECLINED = "declined", _("Declined")

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="decisions")
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason = models.TextField(_("reason"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("decision about a change")
        verbose_name_plural = _("decisions about changes")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="change_decision_reason",
                condition=Q(outcome="approved") | (~Q(reason="") & Q(decided_by__isnull=False)),
            ),
            models.UniqueConstraint(
                "change", Coalesce("on_behalf_of", "decided_by"), name="change_decision_seat_once"
            ),
            models.UniqueConstraint(fields=["change", "decided_by"], name="change_decision_once_each"),
        ]
        triggers = [
            *append_only(),
            no_interest_trigger(
                name="no_interest",
                project_id=(
                    "(SELECT a.project_id FROM lifecycle_changerequest c "
                    "JOIN awards_allocation a ON a.id = c.allocation_id WHERE c.id = NEW.change_id)"
                ),
                also=_CHANGE.format("requested_by_id") + " = NEW.decided_by_id",
            ),
            independent(
                allocation_id=_CHANGE.format("allocation_id"),
                target_id=_CHANGE.format("target_id"),
                also="(NEW.decided_by_id IS NULL AND " + _CHANGE.format("persons") + " > 0)",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.change_id}: {self.outcome}"
