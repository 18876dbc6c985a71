"""The panel as rows for the page, the API and the file: what is hidden from a viewer leaves here hidden."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from allocations.programme.models import AllocationRequest
from portal.foundation.text import harmless


@dataclass(frozen=True)
class PanelRow:
    """One request of the panel. Of a recused one nothing is told; `request` is None then."""

    recused: bool
    request: AllocationRequest | None = None
    rank: int | None = None
    score: Decimal | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None
    deviation: Decimal | None = None
    submitted: int = 0
    wanted: int | None = None

    @property
    def missing(self) -> int:
        """Reviews that the track asks for and that aren't in."""
        return max((self.wanted or 0) - self.submitted, 0)


def row_of(request: Any) -> PanelRow:
    """The row of a request as `selectors.panel_for` annotates it."""
    if request.recused:
        return PanelRow(recused=True)
    return PanelRow(
        recused=False,
        request=request,
        rank=request.rank if request.score is not None else None,
        score=_rounded(request.score),
        lowest=_rounded(request.lowest),
        highest=_rounded(request.highest),
        deviation=_rounded(request.deviation),
        submitted=request.submitted_reviews,
        wanted=request.wanted_reviews,
    )


COLUMNS = (
    "rank",
    "code",
    "project",
    "organisation",
    "track",
    "call",
    "state",
    "score",
    "lowest",
    "highest",
    "deviation",
    "reviews",
    "wanted",
    "missing",
    "recused",
)


def cells(rows: Iterable[PanelRow]) -> Iterator[list[Any]]:
    """A header and every row, for a spreadsheet."""
    yield list(COLUMNS)
    for row in rows:
        yield [harmless(value) for value in _cells_of(row)]


def _cells_of(row: PanelRow) -> list[Any]:
    request = row.request
    if request is None:
        return [*[""] * (len(COLUMNS) - 1), "yes"]
    version = request.track_version
    return [
        row.rank,
        request.code,
        request.project.title,
        request.project.organisation.name,
        version.track.code if version else "",
        request.call.code if request.call else "",
        request.state,
        row.score,
        row.lowest,
        row.highest,
        row.deviation,
        row.submitted,
        row.wanted,
        row.missing,
        "no",
    ]


def _rounded(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(Decimal("0.01"))
