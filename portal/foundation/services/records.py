"""Changing rows the same way in every room: checked, saved and audited in one go."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from portal.foundation.errors import InvalidInput
from portal.foundation.models import Record
from portal.foundation.services import audit


def check(record: models.Model) -> None:
    """Raises InvalidInput for the first thing that the model's own fields and constraints refuse."""
    try:
        record.full_clean()
    except ValidationError as error:
        field, faults = next(iter(error.message_dict.items()))
        raise InvalidInput(" ".join(faults), field=None if field == NON_FIELD_ERRORS else field) from error


def insert[R: Record](
    *,
    actor: Any,
    action: str,
    record: R,
    shown: tuple[str, ...],
    target: Record | None = None,
    reason: str = "",
) -> R:
    """Save a new row; `shown` names the fields that the audit row tells.

    `target` is what the audit row is about, where it isn't the row itself (a part without a public code).
    """
    check(record)
    record.save(force_insert=True)
    after = record.snapshot(*shown)
    audit.record(actor=actor, action=action, target=target or record, after=after, reason=reason)
    return record


def update[R: Record](
    *,
    actor: Any,
    action: str,
    record: R,
    changes: dict[str, Any],
    target: Record | None = None,
    reason: str = "",
) -> R:
    """Lock the row, set what differs, save just that, and audit it. Returns the row as it is now.

    Nothing is written where nothing differs. `target` as in `insert`.
    """
    current: R = type(record)._default_manager.select_for_update(of=("self",)).get(pk=record.pk)
    was = {field: getattr(current, field) for field in changes}
    before = current.snapshot(*changes)
    for field, value in changes.items():
        setattr(current, field, value)
    check(current)
    changed = [field for field in changes if getattr(current, field) != was[field]]
    if changed:
        current.store(*changed)
        audit.record(
            actor=actor,
            action=action,
            target=target or current,
            before={field: before[field] for field in changed},
            after=current.snapshot(*changed),
            reason=reason,
        )
    return current


def only(changes: dict[str, Any], editable: frozenset[str]) -> None:
    """Raises TypeError for a field that a service doesn't let be changed: a fault in our own code."""
    if unknown := changes.keys() - editable:
        raise TypeError(f"These can't be changed: {', '.join(sorted(unknown))}.")
