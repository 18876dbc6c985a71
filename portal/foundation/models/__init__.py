from portal.foundation.models.audit import AuditLeaf, AuditPending, AuditRow, AuditSeal
from portal.foundation.models.base import Record
from portal.foundation.models.idempotency import IdempotencyKey
from portal.foundation.models.outbox import OutboxRow

__all__ = ["AuditLeaf", "AuditPending", "AuditRow", "AuditSeal", "IdempotencyKey", "OutboxRow", "Record"]
