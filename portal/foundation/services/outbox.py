"""The outbox: what must follow a change is written with it and done after it, at least once.

Rooms register handlers for topics; nobody below needs to import who listens. A handler gets the payload,
must be idempotent, and may raise: the row is tried again with growing pauses.
"""

import logging
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from portal.foundation import clock, context
from portal.foundation.models import OutboxRow

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], None]
_handlers: dict[str, list[Handler]] = {}

MAX_ATTEMPTS = 20
LONGEST_PAUSE = timedelta(minutes=10)
_in_hand: ContextVar[OutboxRow | None] = ContextVar("outbox_row", default=None)


class Away(Exception):
    """Raised by a handler that can't reach whom it speaks to: not the message's fault, so never given up."""


def handles(topic: str) -> Callable[[Handler], Handler]:
    """Register a function for `topic` (decorator, used in each room's handlers.py)."""

    def register(handler: Handler) -> Handler:
        _handlers.setdefault(topic, []).append(handler)
        return handler

    return register


def enqueue(*, topic: str, payload: dict[str, Any], key: str = "") -> None:
    """Write a message in the caller's transaction and wake a worker once that commits.

    Raises RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An outbox row is written in the transaction of the change that it follows.")
    OutboxRow.objects.create(topic=topic, key=key, payload=payload)
    transaction.on_commit(wake, robust=True)


def reference() -> str:
    """A name for the row in hand, the same at each try, by which its receiver knows it again."""
    row = _in_hand.get()
    if row is None:
        return uuid.uuid4().hex  # called without the outbox: there is no second try
    # The moment too: a restored backup gives the same ids once more.
    return uuid.uuid5(
        uuid.NAMESPACE_URL, f"{settings.PUBLIC_URL}/outbox/{row.pk}/{row.created_at.timestamp()}"
    ).hex


def wake() -> None:
    """Only a hint: beat drains the outbox anyway, so losing it costs delay, not work."""
    from portal.foundation.tasks import drain_outbox

    try:
        drain_outbox.apply_async(retry=False, expires=30)
    except Exception:
        log.warning("The queue can't be reached; beat will drain the outbox.", exc_info=True)


def drain(*, limit: int = 100) -> int:
    """Handle due rows, oldest first, and return how many were tried. Several drains may run at once."""
    tried = 0
    while tried < limit and _handle_next():
        tried += 1
    return tried


def _handle_next() -> bool:
    with transaction.atomic(), context.entered(context.RequestContext(channel="task")):
        row = (
            OutboxRow.objects.select_for_update(skip_locked=True)
            .filter(done_at__isnull=True, failed_at__isnull=True, due_at__lte=clock.now())
            .order_by("due_at", "id")
            .first()
        )
        if row is None:
            return False
        row.attempts += 1
        in_hand = _in_hand.set(row)
        try:
            with transaction.atomic():
                for handler in _handlers.get(row.topic, []):
                    handler(row.payload)
        except Exception as error:
            _postpone(row, error)
        else:
            row.done_at = clock.now()
            row.error = ""
        finally:
            _in_hand.reset(in_hand)
        row.save(update_fields=["attempts", "done_at", "failed_at", "due_at", "error"])
    return True


def _postpone(row: OutboxRow, error: Exception) -> None:
    log.warning("Outbox row %s (%s) failed", row.pk, row.topic, exc_info=True)
    row.error = f"{type(error).__name__}: {error}"[:2000]
    row.due_at = clock.now() + min(timedelta(seconds=2 ** min(row.attempts, MAX_ATTEMPTS)), LONGEST_PAUSE)
    if row.attempts >= MAX_ATTEMPTS and not isinstance(error, Away):
        row.failed_at = clock.now()
