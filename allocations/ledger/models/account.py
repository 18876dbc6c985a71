"""Where GPU-seconds can stand."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from allocations.ledger.guards import starts_at_zero, written_once
from datacenters.models import Resource


class AccountKind(models.TextChoices):
    SUPPLY = "supply", _("Supply")
    POOL = "pool", _("Pool")
    AVAILABLE = "available", _("Available")
    HELD = "held", _("Held")
    SPENT = "spent", _("Spent")
    OVERRUN = "overrun", _("Overrun")


# The four that each allocation has.
OF_ALLOCATION = (AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.SPENT, AccountKind.OVERRUN)
# These only lend: what they gave and haven't got back is their negative balance.
LENDERS = (AccountKind.SUPPLY, AccountKind.OVERRUN)
# How a hold begins that no job has: it keeps a later instalment of the award that follows.
WITHHELD = "withheld:"


class LedgerAccount(models.Model):
    """A place for GPU-seconds of one resource. `balance` is kept by a trigger, from transfers alone."""

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=9, choices=AccountKind)
    quarter = models.CharField(_("quarter"), max_length=6, blank=True, help_text=_("Of a pool, like 2026Q4."))
    # Null, not empty: rows without an allocation must not meet in the unique index.
    allocation_code = models.CharField(_("allocation"), max_length=24, null=True)
    balance = models.BigIntegerField(_("balance (GPU-seconds)"), default=0)

    class Meta:
        verbose_name = _("ledger account")
        verbose_name_plural = _("ledger accounts")
        constraints = [
            models.CheckConstraint(
                name="ledger_no_negative_balance",
                condition=Q(kind__in=LENDERS, balance__lte=0) | (~Q(kind__in=LENDERS) & Q(balance__gte=0)),
            ),
            models.CheckConstraint(
                name="ledger_account_shape",
                condition=(
                    Q(kind=AccountKind.SUPPLY, quarter="", allocation_code=None)
                    | (Q(kind=AccountKind.POOL, allocation_code=None) & ~Q(quarter=""))
                    | Q(kind__in=OF_ALLOCATION, quarter="", allocation_code__isnull=False)
                ),
            ),
            models.UniqueConstraint(fields=["allocation_code", "kind"], name="ledger_account_of_allocation"),
            models.UniqueConstraint(
                fields=["resource", "kind", "quarter"],
                condition=Q(allocation_code=None),
                name="ledger_account_of_resource",
            ),
            # What the transfers' composite foreign keys point to.
            models.UniqueConstraint(fields=["id", "kind", "resource"], name="ledger_account_identity"),
        ]
        triggers = [*written_once(but_by_trigger=True), starts_at_zero("balance")]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.allocation_code, self.get_kind_display(), self.quarter]))


class Hold(models.Model):
    """What is set aside for one job. The ledger knows the job's public code, not the job."""

    job_code = models.CharField(_("job"), max_length=40)
    account = models.ForeignKey(LedgerAccount, on_delete=models.PROTECT, related_name="holds")
    remaining = models.BigIntegerField(_("held (GPU-seconds)"), default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(fields=["job_code"], name="ledger_hold_once"),
            models.CheckConstraint(name="ledger_hold_not_negative", condition=Q(remaining__gte=0)),
        ]
        triggers = [*written_once(but_by_trigger=True), starts_at_zero("remaining")]

    def __str__(self) -> str:
        return self.job_code
