"""State machines as data. From one frozen table come the service's guard, the CHECK and the trigger."""

from collections.abc import Iterable
from dataclasses import dataclass

import pgtrigger
from django.db import models
from django.utils.translation import gettext as _

from portal.foundation.errors import IllegalState


@dataclass(frozen=True)
class Move:
    """`action` takes a thing from `source` to `target`."""

    action: str
    source: str
    target: str


@dataclass(frozen=True)
class Machine:
    """The life of one kind of thing.

    `name` says what it is in error messages; `states` is its TextChoices; `moves` is every legal step.
    """

    name: str
    states: type[models.TextChoices]
    initial: str
    moves: tuple[Move, ...]

    def actions_from(self, state: str) -> list[str]:
        return sorted({move.action for move in self.moves if move.source == state})

    def target(self, *, state: str, action: str) -> str:
        """The state that `action` leads to. Raises IllegalState where it leads nowhere from `state`."""
        for move in self.moves:
            if move.source == state and move.action == action:
                return move.target
        raise IllegalState(
            _("This %(thing)s is “%(state)s”: “%(action)s” isn't possible now.")
            % {"thing": self.name, "state": self.states(state).label, "action": action},
            figures={"state": state, "possible": self.actions_from(state)},
        )

    def check(self, *, name: str, field: str = "state") -> models.CheckConstraint:
        """The CHECK that keeps unknown states out of the table."""
        return models.CheckConstraint(name=name, condition=models.Q(**{f"{field}__in": self.states.values}))

    def trigger(self, *, name: str, field: str = "state") -> pgtrigger.Trigger:
        """The trigger that refuses a step which the table doesn't have, whoever takes it."""
        pairs = sorted({(move.source, move.target) for move in self.moves})
        allowed = ", ".join(f"('{source}', '{target}')" for source, target in pairs)
        return pgtrigger.Trigger(
            name=name,
            operation=pgtrigger.Update,
            when=pgtrigger.Before,
            condition=pgtrigger.Condition(f"OLD.{field} IS DISTINCT FROM NEW.{field}"),
            func=(
                f"IF (OLD.{field}, NEW.{field}) NOT IN ({allowed}) THEN "
                f"RAISE EXCEPTION '{self.name}: illegal step from % to %', OLD.{field}, NEW.{field} "
                "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
            ),
        )


def moves(*rows: tuple[str, Iterable[str], str]) -> tuple[Move, ...]:
    """Write a table as (action, sources, target) rows."""
    return tuple(Move(action, source, target) for action, sources, target in rows for source in sources)


def append_only(name: str = "append_only") -> list[pgtrigger.Trigger]:
    """Triggers for a table whose rows are written once: UPDATE, DELETE and TRUNCATE are refused."""
    return [
        pgtrigger.Protect(name=name, operation=pgtrigger.Update | pgtrigger.Delete),
        pgtrigger.Trigger(
            name=f"{name}_truncate",
            level=pgtrigger.Statement,
            operation=pgtrigger.Truncate,
            when=pgtrigger.Before,
            func="RAISE EXCEPTION 'pgtrigger: Cannot truncate rows from % table', TG_TABLE_NAME;",
        ),
    ]
