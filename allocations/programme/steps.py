"""What each kind of step does when its turn comes. Rooms above register what they take over, such as reviews.

A kind is a function of the step that just opened. It answers with a Verdict, which closes the step at once,
or None: people are waited for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from allocations.programme.models import RequestStep


@dataclass(frozen=True)
class Verdict:
    """How a step ended: `action` is pass, fail or skip; `note` says why."""

    action: str
    note: str = ""


PASS, SKIP = Verdict("pass"), Verdict("skip")
Kind = Callable[[RequestStep], Verdict | None]
_kinds: dict[str, Kind] = {}


def kind(name: str) -> Callable[[Kind], Kind]:
    """Register what opening a step of this kind does (decorator). The last one registered counts."""

    def register(opens: Kind) -> Kind:
        _kinds[name] = opens
        return opens

    return register


def opens(step: RequestStep) -> Verdict | None:
    """Do what the step's kind does. A kind that nobody takes over waits for people."""
    handler = _kinds.get(step.kind)
    return handler(step) if handler else None
