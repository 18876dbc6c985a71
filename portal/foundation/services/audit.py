"""Writing audit rows."""

from typing import Any

from django.db import connection, models

from portal.foundation import context
from portal.foundation.models import AuditRow


def record(
    *,
    actor: Any,
    action: str,
    target: models.Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Write one audit row in the caller's transaction.

    `actor` is the user (None: the system); `action` is the service's name, such as `request_submit`;
    `before` and `after` hold only what changed. Raises RuntimeError outside a transaction, since a row
    that isn't tied to its change proves nothing.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An audit row is written in the transaction of the change that it tells of.")
    entry = context.current()
    AuditRow.objects.create(
        actor=actor.code if actor else "",
        action=action,
        object_type=str(target._meta.model_name),
        object_code=str(getattr(target, "code", target.pk)),
        before=before or {},
        after=after or {},
        reason=reason,
        channel=entry.channel,
        request_id=entry.request_id,
    )
