"""What people decided about a request, line by line, and who waits for GPU-hours that weren't free."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from allocations.awards.interest import no_interest_trigger
from allocations.awards.models import Award
from allocations.programme.models.request import AllocationRequest, RequestLine
from datacenters.models import Resource
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class Decision(models.Model):
    """One person's word on one round of a request, or a rule's (`decided_by` null).

    Never one's own, never one's own organisation's, never after a conflict was found or declared, never
    twice, and never again by who declined it before: all held here too. A deputy's word takes the seat of
    the person they stand in for.
    """

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("Approved")
        DECLINED = "declined", _("Declined")
        RETURNED = "returned", _("Returned")

    class ReasonCode(models.TextChoices):
        AS_ASKED = "as_asked", _("Granted as asked")
        IN_PART = "in_part", _("Granted in part")
        RULE = "rule", _("Granted by rule")
        URGENT = "urgent", _("Granted for an urgent need of the state")
        CAPACITY = "capacity", _("Too little capacity")
        MERIT = "merit", _("Others ranked higher")
        READINESS = "readiness", _("Not ready to run")
        ELIGIBILITY = "eligibility", _("Not eligible")
        DATA = "data", _("Data may not be held there")
        QUESTION = "question", _("A question is open")
        OTHER = "other", _("Another reason")

    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="decisions")
    round = models.PositiveSmallIntegerField(_("round"), default=0)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    reason_code = models.CharField(_("reason"), max_length=12, choices=ReasonCode, default=ReasonCode.OTHER)
    reason = models.TextField(_("reason in words"), blank=True)
    remedy = models.TextField(_("what would have passed"), blank=True)
    conditions = models.TextField(_("conditions"), blank=True)
    override_reason = models.TextField(_("why beyond free capacity"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="decision_reason", condition=models.Q(outcome="approved") | ~models.Q(reason="")
            ),
            models.UniqueConstraint(fields=["request", "round", "decided_by"], name="decision_once_each"),
            models.UniqueConstraint(
                "request", "round", Coalesce("on_behalf_of", "decided_by"), name="decision_seat_once"
            ),
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
            pgtrigger.Trigger(
                name="independent",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=(
                    "IF EXISTS (SELECT 1 FROM programme_conflict c WHERE c.request_id = NEW.request_id "
                    "AND c.user_id IN (NEW.decided_by_id, NEW.on_behalf_of_id) "
                    "AND c.severity IN ('real', 'apparent')) THEN "
                    "RAISE EXCEPTION 'nobody decides after a conflict of interest' "
                    "USING ERRCODE = 'check_violation'; END IF; "
                    "IF EXISTS (SELECT 1 FROM programme_decision d WHERE d.request_id = NEW.request_id "
                    "AND (d.decided_by_id IN (NEW.decided_by_id, NEW.on_behalf_of_id) "
                    "OR d.on_behalf_of_id IN (NEW.decided_by_id, NEW.on_behalf_of_id)) "
                    "AND d.round IN (SELECT e.round FROM programme_decision e "
                    "WHERE e.request_id = NEW.request_id AND e.outcome = 'declined')) THEN "
                    "RAISE EXCEPTION 'an appeal is decided by others' "
                    "USING ERRCODE = 'check_violation'; END IF; "
                    "IF NEW.decided_by_id IS NULL AND NOT EXISTS (SELECT 1 "
                    "FROM programme_allocationrequest r JOIN programme_trackstep s "
                    "ON s.version_id = r.track_version_id AND s.kind = 'decision' AND s.by = 'rule' "
                    "WHERE r.id = NEW.request_id AND NEW.outcome = 'approved') THEN "
                    "RAISE EXCEPTION 'no rule decides about this request' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.outcome}"

    @property
    def who(self) -> str:
        """The person, or the rule, for people."""
        if self.decided_by is None:
            return str(_("The track's rule"))
        if self.on_behalf_of is not None:
            return str(_("%(who)s for %(principal)s")) % {
                "who": self.decided_by,
                "principal": self.on_behalf_of,
            }
        return str(self.decided_by)


class DecisionLine(models.Model):
    """What an approval grants of one line. The last approval that was needed has the awards.

    `gpu_seconds` is all that was approved; `waiting_gpu_seconds` of it weren't free and wait.
    """

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="lines")
    line = models.ForeignKey(RequestLine, on_delete=models.PROTECT, related_name="decision_lines")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="+")
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"))
    waiting_gpu_seconds = models.BigIntegerField(_("waiting (GPU-seconds)"), default=0)
    by_quarter = models.JSONField(_("by quarter"), default=dict, blank=True)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))

    class Meta:
        verbose_name = _("line of a decision")
        verbose_name_plural = _("lines of decisions")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "line"], name="decision_line_once"),
            models.CheckConstraint(
                name="decision_line_amounts",
                condition=models.Q(gpu_seconds__gt=0)
                & models.Q(waiting_gpu_seconds__gte=0)
                & models.Q(waiting_gpu_seconds__lte=models.F("gpu_seconds")),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.resource}: {self.gpu_seconds}"

    @property
    def awarded(self) -> int:
        return self.gpu_seconds - self.waiting_gpu_seconds

    @property
    def award(self) -> Award | None:
        """The first award of it; what it waited for, or an appeal gave, may have followed."""
        of_line = (each for each in self.decision.fulfilments.all() if each.line_id == self.line_id)
        return next((each.award for each in of_line), None)


class Fulfilment(models.Model):
    """Which line of a request an award fulfils, and by which decision: made with it, or later.

    Later come what a line waited for, and what an upheld appeal gave (`on_appeal`): the first never beyond
    what the decision granted of the line, the second never beyond what was asked for, under whichever word of
    several. An award on appeal needs the appeal: the room that hears appeals sees to it. Awards without a row
    here followed from no request.
    """

    award = models.OneToOneField(Award, on_delete=models.PROTECT, related_name="fulfilment")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="fulfilments")
    line = models.ForeignKey(RequestLine, on_delete=models.PROTECT, related_name="fulfilments")
    on_appeal = models.BooleanField(_("given by an appeal"), default=False)

    class Meta:
        verbose_name = _("award of a decision")
        verbose_name_plural = _("awards of decisions")
        ordering = ["id"]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="of_its_request",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=(
                    "IF NOT EXISTS (SELECT 1 FROM programme_decision d "
                    "JOIN programme_allocationrequest r ON r.id = d.request_id "
                    "JOIN programme_requestline l ON l.request_id = r.id "
                    "JOIN awards_award w ON w.id = NEW.award_id "
                    "JOIN awards_allocation a ON a.id = w.allocation_id "
                    "WHERE d.id = NEW.decision_id AND l.id = NEW.line_id "
                    "AND d.outcome = 'approved' AND d.round = r.round AND a.project_id = r.project_id "
                    "AND (NEW.on_appeal OR EXISTS (SELECT 1 FROM programme_decisionline g "
                    "WHERE g.decision_id = d.id AND g.line_id = l.id "
                    "AND g.resource_id = a.resource_id))) THEN "
                    "RAISE EXCEPTION 'an award fulfils a line of the request that was approved' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Trigger(
                name="within_its_line",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                # The line is locked: of two awards at once each sees the other. Where two persons decide
                # both words have the line, and it is awarded once.
                func=(
                    "PERFORM 1 FROM programme_requestline l WHERE l.id = NEW.line_id FOR NO KEY UPDATE; "
                    "IF (SELECT sum(w.gpu_seconds) FROM programme_fulfilment f "
                    "JOIN awards_award w ON w.id = f.award_id "
                    "WHERE f.line_id = NEW.line_id AND NOT f.on_appeal) > "
                    "COALESCE((SELECT l.gpu_seconds FROM programme_decisionline l "
                    "WHERE l.decision_id = NEW.decision_id AND l.line_id = NEW.line_id), 0) "
                    "OR (SELECT sum(w.gpu_seconds) FROM programme_fulfilment f "
                    "JOIN awards_award w ON w.id = f.award_id WHERE f.line_id = NEW.line_id) > "
                    "(SELECT l.gpu_seconds FROM programme_requestline l WHERE l.id = NEW.line_id) THEN "
                    "RAISE EXCEPTION 'more is awarded than was granted of the line' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.award_id}: {self.line_id}"


class WaitingEntry(Record):
    """Approved GPU-seconds that weren't free: served in order as they come free, until their period ends.

    `by_quarter` (quarter → GPU-seconds) is what of each quarter still waits; empty: evenly over the period.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SERVED = "served", _("Served")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        LAPSED = "lapsed", _("Lapsed")

    code = CodeField(prefix="wai")
    decision_line = models.OneToOneField(DecisionLine, on_delete=models.PROTECT, related_name="waiting")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="waiting")
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"))
    served_gpu_seconds = models.BigIntegerField(_("served (GPU-seconds)"), default=0)
    by_quarter = models.JSONField(_("by quarter"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)

    class Meta:
        verbose_name = _("place on the waiting list")
        verbose_name_plural = _("waiting list")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="waiting_amounts",
                condition=models.Q(gpu_seconds__gt=0)
                & models.Q(served_gpu_seconds__gte=0)
                & models.Q(served_gpu_seconds__lte=models.F("gpu_seconds")),
            )
        ]
        indexes = [
            models.Index(fields=["resource", "id"], name="waiting_queue", condition=models.Q(state="waiting"))
        ]

    def __str__(self) -> str:
        return str(self.code)

    @property
    def rest(self) -> int:
        return self.gpu_seconds - self.served_gpu_seconds
