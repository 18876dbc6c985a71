"""Every role × every state × every action of request, review, decision, change and appeal.

`tests/permissions.csv` says what is allowed; service, page and API must all agree with it. At full size every
cell is tried all three ways, else every refusal one way. Its letters:

    y  done
    n  not allowed: they see it, but may not do this
    s  illegal state: they may, but not in this state
    h  hidden: to the service not allowed, to page and API not there
    g  gone, or not there yet: to the service an illegal state, to page and API not there
"""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import rules
from django.http import HttpRequest, HttpResponse

from allocations.lifecycle.transitions import APPEAL, CHANGE
from allocations.programme.transitions import REQUEST
from allocations.reviews.transitions import REVIEW
from portal import urls
from portal.foundation import middleware
from tests.attempting import CHANNELS, LETTERS, UNSEEN, WAYS, Attempts, promised, undone
from tests.cast import Cast
from tests.permitting import Stage, company, step_aside
from tests.requesting import fund

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

FULL = os.environ.get("TAQSEEM_TEST_SIZE") == "full"
TABLE = Path(__file__).parents[1] / "permissions.csv"
MACHINES = {"request": REQUEST, "decision": REQUEST, "review": REVIEW, "change": CHANGE, "appeal": APPEAL}
# What only the clock, a rule or the answer to an appeal does.
NOBODYS = {"take_up", "reopen", "expire", "lapse", "carry_out"}
# Steps of their own tracks; the others share one thing in each state.
KINDS = {("request", "check"): "check", ("request", "consent"): "consent", ("request", "refuse"): "consent"}

Row = dict[str, str]


@pytest.fixture(autouse=True)
def bare_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that refuse are drawn a thousand times here: their status is enough, other tests read them."""

    def bare(request: HttpRequest, *args: Any, status: int = 404, **options: Any) -> HttpResponse:
        return HttpResponse(status=status)

    monkeypatch.setattr(middleware, "render", bare)
    monkeypatch.setattr(urls, "handler404", bare, raising=False)


def table() -> list[Row]:
    with TABLE.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kind_of(row: Row) -> str:
    thing = row["thing"]
    return KINDS.get((thing, row["action"]), "request" if thing == "decision" else thing)


def roles_of(row: Row) -> list[str]:
    return [name for name in row if name not in ("thing", "action", "state")]


def all_ways(cell: str) -> Sequence[str]:
    return CHANNELS


def ways_in_turn() -> Callable[[str], Sequence[str]]:
    """What is allowed all three ways, what is refused one way each, in turn: a third of the time."""
    turn = cycle(CHANNELS)
    return lambda cell: CHANNELS if cell == "y" else [next(turn)]


def deviations(
    cast: Cast, rows: Iterable[Row], *, ways: Callable[[str], Sequence[str]] = all_ways
) -> list[str]:
    """Where the portal does otherwise than `rows` say: each thing is built once in each state."""
    fund(cast.resource)
    stage = Stage(cast, company(cast))
    attempts = Attempts(stage.who)
    built: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        built.setdefault((kind_of(row), row["state"]), []).append(row)
    found = []
    for (kind, state), of_state in built.items():
        with undone():
            target = getattr(stage, kind)(state)
            step_aside(stage.who["conflicted"], target)
            target = type(target).objects.get(pk=target.pk)
            for row in of_state:
                way = WAYS[row["thing"], row["action"]]
                for role in roles_of(row):
                    for channel in ways(row[role]):
                        wanted = promised(row[role], channel)
                        got = attempts.outcome(channel, role, way, target, state)
                        if got != wanted:
                            cell = f"{row['thing']} {row['action']} {state} {role}"
                            found.append(f"{cell}: by {channel} {got}, not {wanted}")
    return found


@pytest.mark.parametrize("kind", ["request", "check", "consent", "review", "change", "appeal"])
def test_who_may_do_what_when(cast: Cast, kind: str) -> None:
    ways = all_ways if FULL else ways_in_turn()
    found = deviations(cast, [row for row in table() if kind_of(row) == kind], ways=ways)
    assert not found, "\n" + "\n".join(found)


def test_the_table_is_complete(cast: Cast) -> None:
    rows = table()
    cells = [(row["thing"], row["action"], row["state"]) for row in rows]
    assert len(cells) == len(set(cells))
    assert {cell[:2] for cell in cells} == set(WAYS)
    missing = [
        (thing, action, state)
        for thing, action in WAYS
        for state in MACHINES[thing].states.values
        if (thing, action, state) not in cells
    ]
    assert not missing
    for thing, machine in MACHINES.items():
        told = {action for of, action in WAYS if of == thing or {of, thing} == {"request", "decision"}}
        assert {move for state in machine.states for move in machine.actions_from(state)} - NOBODYS <= told
    assert {letter for row in rows for role in roles_of(row) for letter in [row[role]]} <= {*LETTERS, *UNSEEN}
    assert set(roles_of(rows[0])) == set(company(cast))


def test_a_wrong_cell_is_found(cast: Cast) -> None:
    """Four lies in the table; to a service hidden and not allowed are the same."""
    lies = {"pi": "n", "member": "y", "council": "h", "outsider": "n"}
    row = next(row for row in table() if (row["action"], row["state"]) == ("withdraw", "submitted"))
    found = deviations(cast, [row | lies])
    assert Counter(map(role_in, found)) == {"pi": 3, "member": 3, "council": 2, "outsider": 2}


def test_a_rule_that_is_lost_is_found(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.permissions.permissions, "programme.write_request", rules.always_true)
    row = next(row for row in table() if (row["action"], row["state"]) == ("withdraw", "submitted"))
    found = deviations(cast, [row], ways=lambda cell: ["api"])
    assert [role_in(line) for line in found] == [role for role in roles_of(row) if row[role] == "n"]


def role_in(deviation: str) -> str:
    return deviation.split(":")[0].split()[-1]
