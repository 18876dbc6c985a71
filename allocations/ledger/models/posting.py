"""What moved, and why: a posting and its transfers, written once."""

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from allocations.ledger.guards import keeps_balances, written_once
from allocations.ledger.models.account import AccountKind, Hold, LedgerAccount
from datacenters.models import Resource


class PostingKind(models.TextChoices):
    CAPACITY = "capacity", _("Capacity planned")
    OVERSUBSCRIPTION = "oversubscription", _("Beyond free capacity")
    LAPSE = "lapse", _("Capacity lapsed")
    AWARD = "award", _("Award")
    HOLD = "hold", _("Set aside for a job")
    TOP_UP = "top_up", _("Set aside in addition")
    RELEASE = "release", _("Released")
    CHARGE = "charge", _("Charge")
    CORRECTION = "correction", _("Correction of a charge")
    REFUND = "refund", _("Refund")
    EXPIRE = "expire", _("Expired")
    RECLAIM = "reclaim", _("Reclaimed")
    GIVE_BACK = "give_back", _("Given back")
    RESPREAD = "respread", _("Spread over other quarters")
    TRANSFER = "transfer", _("Moved between allocations")
    WITHHOLD = "withhold", _("Kept for a later instalment")
    INSTALMENT = "instalment", _("Instalment released")
    REVERSAL = "reversal", _("Reversal")


class Posting(models.Model):
    """One event of the ledger. `key` makes it happen once; `fingerprint` tells a repeat from a mix-up.

    `reference` names what it is about outside the ledger (a run, a job); `about` is the earlier posting that
    it corrects or reverses.
    """

    key = models.CharField(_("key"), max_length=120)
    fingerprint = models.BinaryField(editable=False)
    kind = models.CharField(_("kind"), max_length=16, choices=PostingKind)
    allocation_code = models.CharField(_("allocation"), max_length=24, null=True)
    reference = models.CharField(_("reference"), max_length=120, blank=True)
    about = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="followers", db_index=False
    )
    actor = models.CharField(_("by"), max_length=40, blank=True, help_text=_("Empty: the system."))
    reason = models.TextField(_("reason"), blank=True)
    posted_at = models.DateTimeField(_("posted"), db_default=Now())

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key"], name="ledger_posting_once"),
            models.UniqueConstraint(
                fields=["reference"], condition=Q(kind=PostingKind.CHARGE), name="ledger_run_charged_once"
            ),
            models.UniqueConstraint(
                fields=["about"], condition=Q(kind=PostingKind.REVERSAL), name="ledger_reversed_once"
            ),
        ]
        indexes = [
            models.Index(fields=["allocation_code", "id"], name="ledger_posting_of_allocation"),
            models.Index(fields=["about"], condition=Q(about__isnull=False), name="ledger_follower"),
        ]
        triggers = written_once()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key}"

    @property
    def code(self) -> str:
        """What the audit calls this posting, in the length that it takes."""
        return self.key[:80]


_S, _P, _A, _H, _U, _O = AccountKind.values
# Every way GPU-seconds may flow; the second of each pair only undoes or repays the first.
FLOWS: tuple[tuple[str, str], ...] = (
    (_S, _P), (_P, _S),
    (_P, _A), (_A, _P),
    (_P, _O), (_O, _P),
    (_A, _H), (_H, _A),
    (_H, _U), (_U, _H),
    (_A, _U), (_U, _A),
    (_O, _U), (_U, _O),
    (_H, _O), (_O, _H),
    (_A, _O), (_O, _A),
)  # fmt: skip


class Transfer(models.Model):
    """`amount` GPU-seconds from one ledger account to another of the same resource.

    The kinds stand here once more, kept true by the composite foreign keys (migration 0002), so that the
    table itself refuses a flow that can't be. Balances follow by trigger.
    """

    pk = models.CompositePrimaryKey("posting_id", "line")
    posting = models.ForeignKey(
        Posting, on_delete=models.PROTECT, related_name="transfers", db_constraint=False, db_index=False
    )
    line = models.SmallIntegerField()
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    from_account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    from_kind = models.CharField(max_length=9, choices=AccountKind)
    to_account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    to_kind = models.CharField(max_length=9, choices=AccountKind)
    amount = models.BigIntegerField(_("GPU-seconds"))
    hold = models.ForeignKey(
        Hold, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(name="ledger_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="ledger_flow",
                condition=reduce(or_, (Q(from_kind=source, to_kind=target) for source, target in FLOWS)),
            ),
            models.CheckConstraint(
                name="ledger_held_by_a_hold",
                condition=(
                    Q(hold__isnull=False) & (Q(from_kind=AccountKind.HELD) | Q(to_kind=AccountKind.HELD))
                    | Q(hold=None) & ~Q(from_kind=AccountKind.HELD) & ~Q(to_kind=AccountKind.HELD)
                ),
            ),
        ]
        indexes = [
            # What was granted and returned, and what capacity was planned; charges leave no entry here.
            models.Index(
                fields=["to_account"],
                include=["amount"],
                condition=Q(from_kind__in=[AccountKind.SUPPLY, AccountKind.POOL]),
                name="ledger_inflow",
            ),
            models.Index(
                fields=["from_account"],
                include=["amount"],
                condition=Q(to_kind__in=[AccountKind.SUPPLY, AccountKind.POOL]),
                name="ledger_outflow",
            ),
        ]
        triggers = [*written_once(), keeps_balances()]

    def __str__(self) -> str:
        return f"{self.amount} {self.from_kind} → {self.to_kind}"
