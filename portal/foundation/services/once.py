"""Forms that may be sent twice, because the answer was lost on the way, and must act once."""

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction

from portal.foundation.models import IdempotencyKey


@transaction.atomic
def once(*, actor: Any, key: str, act: Callable[[], str]) -> str:
    """Where `act` led the first time that `actor` came with `key`; only then is it done.

    Key and effect are one transaction: what `act` raises leaves neither. A repeat that comes meanwhile waits.
    """
    try:
        with transaction.atomic():
            entry = IdempotencyKey.objects.create(
                user_code=actor.code, key=f"form:{key}"[:100], fingerprint=""
            )
    except IntegrityError:
        earlier = IdempotencyKey.objects.get(user_code=actor.code, key=f"form:{key}"[:100])
        return str((earlier.reply or {})["to"])
    to = act()
    entry.reply = {"to": to}
    entry.save(update_fields=["reply"])
    return to
