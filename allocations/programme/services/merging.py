"""Saves of drafts that may come twice, late, or beside somebody else's: fact by fact, nothing typed is lost.

A save says what the server held of each fact when its writer last knew (`base`, by marks), which save it is,
and which of the writer's earlier saves were never answered. So it is known of each fact whether it was
changed here, elsewhere, or at both places: only the last needs a person.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import AllocationRequest, DraftSaves
from allocations.programme.services.writing import Line, lines_of, request_update, runs_of, writable
from portal.foundation.errors import IllegalState
from portal.people.models import User

KNOWN_SAVES = 50  # So many are remembered of each part of a draft.

Marks = Mapping[str, str]


class Newer(IllegalState):
    """The same fact was changed here and elsewhere."""

    code = "newer"
    default_message = _("This step was changed elsewhere since you opened it.")

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(remedy=_("What you typed stands below: save it again to put it in place of that."))
        self.names = list(names)


@dataclass(frozen=True)
class Save:
    """One attempt to save: its name, by the sender, what they last knew, and what was never answered."""

    name: str = ""
    base: Marks | None = None
    unanswered: Sequence[str] = ()


@transaction.atomic
def draft_save(
    *, actor: User, request: AllocationRequest, place: str, changes: dict[str, Any], save: Save
) -> AllocationRequest:
    """Keep what was changed here; what was changed elsewhere alone stays as it is there.

    `place` is the part of the draft that `changes` are about. A save that came before does nothing, nor does
    one that its sender's later ones have overtaken. Raises Newer, and what `request_update` raises.
    """
    request = writable(actor, request)  # Locked: of two saves at once the second sees the first.
    known = _known(request, place)
    if save.name and save.name in known:
        return request
    new, now = marks(changes), standing(request, changes)
    base = dict(now if save.base is None else save.base)
    for name in save.unanswered:
        base |= known.get(name, {})
    changed = [name for name in changes if new[name] != now[name] and new[name] != base.get(name)]
    if clashing := [name for name in changed if now[name] != base.get(name, now[name])]:
        raise Newer(clashing)
    if changed:
        written = {name: changes[name] for name in changed}
        request = request_update(actor=actor, request=request, **written)
    if save.name:
        held = standing(request, changes)
        overtaken: dict[str, Marks] = {name: {} for name in save.unanswered if name not in known}
        known |= overtaken | {save.name: {name: mark for name, mark in held.items() if mark == new[name]}}
        latest = list(known.items())[-KNOWN_SAVES:]
        DraftSaves.objects.update_or_create(request=request, place=place, defaults={"known": latest})
    return request


def _known(request: AllocationRequest, place: str) -> dict[str, Marks]:
    """What each of the latest saves wrote, by its name."""
    saves = DraftSaves.objects.filter(request=request, place=place).first()
    return dict(saves.known) if saves else {}


def standing(request: AllocationRequest, names: Any) -> dict[str, str]:
    """The marks of what the request says."""
    rows = {"lines": lines_of, "runs": runs_of}
    return marks({name: rows[name](request) if name in rows else getattr(request, name) for name in names})


def marks(facts: Mapping[str, Any]) -> dict[str, str]:
    """A short mark of each fact: facts are alike where their marks are."""
    return {name: _mark(value) for name, value in facts.items()}


def _mark(value: Any) -> str:
    if isinstance(value, list):
        value = [row for row in value if row != Line()]
    written = json.dumps(value, default=_plain, sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:12]


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else vars(value)
