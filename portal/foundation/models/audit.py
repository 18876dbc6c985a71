"""The audit: rows that are written once, and the seals that make tampering visible."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from portal.foundation.transitions import append_only


class AuditRow(models.Model):
    """Who did what to which thing, written in the transaction that it tells of.

    Rows are not chained: a chain inside the transaction would serialise every writer. The sealer orders
    them afterwards. People and things are named by public code, so that a row outlives what it names.
    """

    at = models.DateTimeField(_("at"), db_default=Now())
    actor = models.CharField(
        _("actor"), max_length=40, blank=True, help_text=_("Code of the user; empty: the system.")
    )
    action = models.CharField(_("action"), max_length=60)
    object_type = models.CharField(_("kind of thing"), max_length=40)
    object_code = models.CharField(_("code"), max_length=80)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    reason = models.TextField(_("reason"), blank=True)
    channel = models.CharField(_("channel"), max_length=10)
    request_id = models.CharField(max_length=40, blank=True)
    transaction_id = models.BigIntegerField(
        db_default=RawSQL("pg_current_xact_id()::text::bigint", ()), editable=False
    )

    class Meta:
        verbose_name = _("audit row")
        verbose_name_plural = _("audit rows")
        indexes = [
            models.Index(fields=["object_type", "object_code", "id"], name="audit_object"),
            models.Index(fields=["actor", "id"], name="audit_actor"),
            BrinIndex(fields=["at"], name="audit_at"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="await_seal",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                func=(
                    "INSERT INTO foundation_auditpending (row_id, transaction_id) "
                    "VALUES (NEW.id, NEW.transaction_id); RETURN NULL;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_code}"


class AuditPending(models.Model):
    """A row that no seal covers yet. A trigger puts it here; the sealer takes it away."""

    row_id = models.BigIntegerField(primary_key=True)
    transaction_id = models.BigIntegerField()

    class Meta:
        verbose_name = _("unsealed audit row")


class AuditSeal(models.Model):
    """A batch of rows under one Merkle root, chained to the seal before it. `number` has no gaps."""

    number = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField(db_default=Now())
    row_count = models.IntegerField()
    root = models.BinaryField()
    previous = models.BinaryField()
    digest = models.BinaryField()

    class Meta:
        verbose_name = _("audit seal")
        triggers = append_only()


class AuditLeaf(models.Model):
    """Where a row stands under its seal, and its SHA-256."""

    row_id = models.BigIntegerField(primary_key=True)
    seal = models.ForeignKey(AuditSeal, on_delete=models.PROTECT, related_name="leaves")
    position = models.IntegerField()
    digest = models.BinaryField()

    class Meta:
        verbose_name = _("audit leaf")
        constraints = [models.UniqueConstraint(fields=["seal", "position"], name="audit_leaf_position")]
        triggers = append_only()
