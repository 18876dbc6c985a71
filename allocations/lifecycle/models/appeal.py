"""An appeal against a decision: heard by others than those who took it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.interest import no_interest_trigger
from allocations.lifecycle.models.change import ChangeRequest
from allocations.lifecycle.models.guards import begins_as, keeps
from allocations.lifecycle.transitions import APPEAL, AppealState
from allocations.programme.models import AllocationRequest, Fulfilment
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class Appeal(Record):
    """Against one round of a request, or of a change: declined, or granted in part only.

    `persons` is how many must uphold or dismiss it: two where the decision took two.
    """

    code = CodeField(prefix="apl")
    request = models.ForeignKey(
        AllocationRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="appeals"
    )
    change = models.ForeignKey(
        ChangeRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="appeals"
    )
    round = models.PositiveSmallIntegerField(_("round"))
    state = models.CharField(_("state"), max_length=10, choices=AppealState, default=AppealState.FILED)
    grounds = models.TextField(_("grounds"), max_length=8000)
    persons = models.PositiveSmallIntegerField(_("persons who must agree"))
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        ordering = ["-created_at", "-id"]
        constraints = [
            APPEAL.check(name="appeal_state"),
            models.CheckConstraint(
                name="appeal_about_one_thing",
                condition=Q(request__isnull=False, change=None) | Q(request=None, change__isnull=False),
            ),
            models.CheckConstraint(
                name="appeal_grounds", condition=~Q(grounds="") & Q(persons__range=(1, 2))
            ),
            models.UniqueConstraint(fields=["request", "round"], name="appeal_once_a_round"),
            models.UniqueConstraint(fields=["change", "round"], name="appeal_of_change_once_a_round"),
        ]
        indexes = [models.Index(fields=["state", "created_at"], name="appeal_queue")]
        triggers = [
            APPEAL.trigger(name="appeal_steps"),
            begins_as(AppealState.FILED),
            keeps("request_id", "change_id", "round", "grounds", "persons", "filed_by_id"),
            pgtrigger.Trigger(
                name="appeal_decided",
                operation=pgtrigger.UpdateOf("state"),
                when=pgtrigger.Before,
                func=(
                    "IF NEW.state IN ('upheld', 'dismissed') AND (SELECT count(*) "
                    "FROM lifecycle_appealdecision d WHERE d.appeal_id = NEW.id "
                    "AND d.outcome = NEW.state) < NEW.persons THEN "
                    "RAISE EXCEPTION 'appeal: % without a decision', NEW.state "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(self.code)

    def get_absolute_url(self) -> str:
        return reverse("appeal", args=[self.code])

    @property
    def subject(self) -> AllocationRequest | ChangeRequest:
        """What was decided."""
        found = self.request or self.change
        assert found is not None  # noqa: S101 - the table has a CHECK for it
        return found


_PROJECT = (
    "(SELECT COALESCE(r.project_id, a.project_id) FROM lifecycle_appeal p "
    "LEFT JOIN programme_allocationrequest r ON r.id = p.request_id "
    "LEFT JOIN lifecycle_changerequest c ON c.id = p.change_id "
    "LEFT JOIN awards_allocation a ON a.id = c.allocation_id WHERE p.id = NEW.appeal_id)"
)
# Who had a say about it before: about the request, the change, or the request that fed its allocation.
_DECIDED_BEFORE = (
    "EXISTS (SELECT 1 FROM lifecycle_appeal p JOIN programme_decision d ON d.request_id = p.request_id "
    "WHERE p.id = NEW.appeal_id AND (d.decided_by_id IN (NEW.decided_by_id, NEW.on_behalf_of_id) "
    "OR d.on_behalf_of_id IN (NEW.decided_by_id, NEW.on_behalf_of_id))) "
    "OR EXISTS (SELECT 1 FROM lifecycle_appeal p "
    "JOIN lifecycle_changedecision d ON d.change_id = p.change_id "
    "WHERE p.id = NEW.appeal_id AND (d.decided_by_id IN (NEW.decided_by_id, NEW.on_behalf_of_id) "
    "OR d.on_behalf_of_id IN (NEW.decided_by_id, NEW.on_behalf_of_id)))"
)
_CONFLICT = (
    "EXISTS (SELECT 1 FROM lifecycle_appeal p "
    "LEFT JOIN lifecycle_changerequest g ON g.id = p.change_id "
    "LEFT JOIN awards_award w ON w.allocation_id = g.allocation_id "
    "LEFT JOIN programme_fulfilment f ON f.award_id = w.id "
    "LEFT JOIN programme_decision e ON e.id = f.decision_id "
    "JOIN programme_conflict c ON c.request_id = COALESCE(p.request_id, e.request_id) "
    "WHERE p.id = NEW.appeal_id AND c.severity IN ('real', 'apparent') "
    "AND c.user_id IN (NEW.decided_by_id, NEW.on_behalf_of_id))"
)


class AppealDecision(models.Model):
    """One person's word about an appeal: never of one who decided before, has an interest, or filed it."""

    class Outcome(models.TextChoices):
        UPHELD = "upheld", _("Upheld")
        DISMISSED = "dismissed", _("Dismissed")

    appeal = models.ForeignKey(Appeal, on_delete=models.PROTECT, related_name="decisions")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason = models.TextField(_("reason"))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("decision about an appeal")
        verbose_name_plural = _("decisions about appeals")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(name="appeal_decision_reason", condition=~Q(reason="")),
            models.UniqueConstraint(
                "appeal", Coalesce("on_behalf_of", "decided_by"), name="appeal_decision_seat_once"
            ),
            models.UniqueConstraint(fields=["appeal", "decided_by"], name="appeal_decision_once_each"),
        ]
        triggers = [
            *append_only(),
            no_interest_trigger(
                name="no_interest",
                project_id=_PROJECT,
                also=(
                    "(SELECT p.filed_by_id FROM lifecycle_appeal p WHERE p.id = NEW.appeal_id) "
                    "= NEW.decided_by_id"
                ),
            ),
            pgtrigger.Trigger(
                name="others",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=(
                    f"IF {_DECIDED_BEFORE} OR {_CONFLICT} THEN "
                    "RAISE EXCEPTION 'an appeal is heard by others, without a conflict of interest' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.appeal_id}: {self.outcome}"


class AppealedFulfilment(Fulfilment):
    """The same rows, seen from here: no award is given by an appeal that nobody filed or upheld."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = [
            pgtrigger.Trigger(
                name="on_its_appeal",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.on_appeal"),
                # The award comes with the last word that upholds, before the appeal takes its step.
                func=(
                    "IF NOT EXISTS (SELECT 1 FROM lifecycle_appeal p JOIN programme_decision d "
                    "ON d.request_id = p.request_id AND d.round = p.round "
                    "WHERE d.id = NEW.decision_id AND p.state IN ('filed', 'upheld') "
                    "AND (SELECT count(*) FROM lifecycle_appealdecision s "
                    "WHERE s.appeal_id = p.id AND s.outcome = 'upheld') >= p.persons) THEN "
                    "RAISE EXCEPTION 'an award on appeal needs an appeal that was upheld' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            )
        ]
