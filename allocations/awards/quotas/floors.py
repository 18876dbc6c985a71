"""Soft floors: what is kept for a group, and when that lapses. Plain numbers, no database.

A floor keeps part of each day's capacity for its group: nobody else may be awarded what the group hasn't
taken yet. Kept for nobody, that would stand idle; so a floor is soft (score first, floor second):

1. *It lapses when unused for 30 days.* A day on which the group takes nothing of its floor counts as one
   unused day, a day on which it takes three quarters as a quarter of one. Once the last twelve months hold 30
   unused days, the floor keeps nothing back until enough of them are more than a year old. The group is still
   awarded what is free, as everybody is.
2. *All floors together cost at most 5 %.* Where the floors of different dimensions take turns in standing
   unused, their 30 days add up. So all of them lapse while what they kept idle in the last twelve months, and
   could still keep today, comes to 5 % of a year's capacity.

Groups of one dimension don't overlap (a startup is no agency): what is kept for them adds up. Those of
different dimensions do (a startup in Sindh led by a woman is in three): the same GPU-second serves each of
their floors, so across dimensions only the largest sum is kept.

The second rule bounds idleness for whatever demand: tests/unit/test_floors.py plays twelve months of it.
Amounts are GPU-seconds throughout (any one unit will do).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

LAPSES_AFTER_DAYS = 30.0
WINDOW_DAYS = 365
IDLE_LIMIT = 0.05


@dataclass(frozen=True)
class Claim:
    """What one floor would keep: `due` to its group, of which the group has `taken` so much."""

    name: str
    dimension: str
    due: float
    taken: float

    @property
    def reserved(self) -> float:
        """What is still kept for the group."""
        return max(self.due - self.taken, 0)

    @property
    def unused(self) -> float:
        """Which part of it isn't taken, 0 to 1."""
        return self.reserved / self.due if self.due > 0 else 0.0


def withheld(claims: Iterable[Claim]) -> float:
    """What somebody outside these floors' groups may not have: the largest sum of one dimension."""
    return sum(claim.reserved for claim in binding(claims))


def binding(claims: Iterable[Claim]) -> list[Claim]:
    """The claims of the dimension that keeps most."""
    by_dimension: dict[str, list[Claim]] = {}
    for claim in claims:
        by_dimension.setdefault(claim.dimension, []).append(claim)
    return max(by_dimension.values(), key=lambda each: sum(claim.reserved for claim in each), default=[])


@dataclass
class Window:
    """A sum over the last twelve months."""

    total: float = 0.0
    days: deque[float] = field(default_factory=deque)

    def add(self, amount: float) -> None:
        if len(self.days) == WINDOW_DAYS:
            self.total -= self.days.popleft()
        self.days.append(amount)
        self.total += amount


@dataclass
class Watch:
    """Follows floors day by day and says which of them keep anything back.

    `lapses_after` None and `idle_limit` None switch the two rules off (for the test that shows why they are
    there).
    """

    lapses_after: float | None = LAPSES_AFTER_DAYS
    idle_limit: float | None = IDLE_LIMIT
    unused: dict[str, Window] = field(default_factory=dict)
    kept: Window = field(default_factory=Window)

    def unused_days(self, name: str) -> float:
        """How many days in all the floor stood unused in the last twelve months."""
        return self.unused[name].total if name in self.unused else 0.0

    def standing(self, claims: Iterable[Claim], capacity: float) -> list[Claim]:
        """Those of today's claims that keep anything; `capacity` is what there is today."""
        fresh = [claim for claim in claims if not self._has_lapsed(claim.name)]
        return [] if self._is_spent(withheld(fresh), capacity) else fresh

    def close_day(self, claims: Iterable[Claim], *, capacity: float, committed: float) -> None:
        """The day is over: of its `capacity` all awards together took `committed`."""
        claims = list(claims)
        # At most what nobody took; at most what somebody in none of the groups couldn't have.
        self.kept.add(min(withheld(self.standing(claims, capacity)), max(capacity - committed, 0)))
        for claim in claims:
            self.unused.setdefault(claim.name, Window()).add(claim.unused)

    def _has_lapsed(self, name: str) -> bool:
        # Parts of days are added up in floating point: a billionth of a day is no reason to wait another one.
        return self.lapses_after is not None and self.unused_days(name) >= self.lapses_after - 1e-9

    def _is_spent(self, today: float, capacity: float) -> bool:
        if self.idle_limit is None:
            return False
        return self.kept.total + today > self.idle_limit * capacity * WINDOW_DAYS
