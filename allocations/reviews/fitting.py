"""Who fits a request, and who is proposed: pure functions, no database."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.foundation.text import fold_line

# So many keywords found in a request are as good as any more.
ENOUGH_KEYWORDS = 3
SECTOR_SHARE = 40  # of 100; the keywords have the rest


@dataclass(frozen=True)
class Candidate:
    """A reviewer as seen from one request. `fit` runs from 0 to 100; `severity` is the worst conflict's.

    `decides`: about requests, or sees this one unblinded by another role.
    """

    user: Any
    fit: int = 0
    keywords: tuple[str, ...] = ()
    in_sector: bool = False
    open_reviews: int = 0
    most_open: int = 1
    available: bool = True
    decides: bool = False
    asked: bool = False
    severity: str = ""
    conflicts: tuple[Any, ...] = field(default=())

    @property
    def may_review(self) -> bool:
        """Nobody with a real or apparent conflict, nobody twice, nobody who decides about requests."""
        return not (self.severity in {"real", "apparent"} or self.asked or self.decides)

    @property
    def is_free(self) -> bool:
        """Whether they can be proposed: available, with room for one more, and no conflict of any kind."""
        return self.may_review and not self.severity and self.available and self.open_reviews < self.most_open


def keywords_in(text: str, keywords: Iterable[str]) -> tuple[str, ...]:
    """Those of `keywords` that stand in `text` as whole words, whatever the case."""
    folded = fold_line(text).casefold()
    return tuple(
        keyword
        for keyword in keywords
        if (word := fold_line(keyword).casefold()) and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", folded)
    )


def fit_of(*, found: int, in_sector: bool) -> int:
    """How well a reviewer fits, from 0 to 100: the sector counts 40, three keywords found the rest."""
    keywords = (100 - SECTOR_SHARE) * min(found, ENOUGH_KEYWORDS) // ENOUGH_KEYWORDS
    return keywords + (SECTOR_SHARE if in_sector else 0)


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Who can be asked first; among them by fit, then by how much room they have, then by code."""
    return sorted(
        candidates,
        key=lambda one: (
            not one.may_review,
            not one.is_free,
            -one.fit,
            one.open_reviews / one.most_open,
            one.user.code,
        ),
    )


def proposed(candidates: Iterable[Candidate], persons: int) -> Sequence[Candidate]:
    """The best `persons` who are free; fewer where there aren't so many."""
    return [one for one in ranked(candidates) if one.is_free][: max(persons, 0)]
