"""What members use of a project's allocations. A room above knows the jobs, and registers who tells it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """One member's part, in GPU-seconds: held by jobs that go on, charged for what ran.

    `ran`: whether at least one job of theirs has run.
    """

    held: int = 0
    charged: int = 0
    ran: bool = False

    @property
    def used(self) -> int:
        """What counts against a cap."""
        return self.held + self.charged


NOTHING = Use()
# Ids of projects → (id of the project, id of the user) → use; who used nothing may be left out.
Teller = Callable[[Collection[int]], dict[tuple[int, int], Use]]
_tellers: list[Teller] = []


def tells_use(teller: Teller) -> Teller:
    """Register who knows (decorator)."""
    _tellers.append(teller)
    return teller


def use_in(projects: Collection[int]) -> dict[tuple[int, int], Use]:
    """The use of each person in each of these projects, by their ids; empty where nobody knows of jobs."""
    found: dict[tuple[int, int], Use] = {}
    for teller in _tellers if projects else ():
        found |= teller(projects)
    return found
