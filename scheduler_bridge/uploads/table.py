"""The table that an unbridged site uploads, version 1: `docs/unbridged-sites.md` tells the sites of it."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput
from scheduler_bridge.transitions import ENDS

VERSION = "# taqseem-usage v1"
COLUMNS = ("run_id", "allocation", "person", "gpus", "started_at", "ended_at", "state")
OPTIONAL = ("cpus",)
MOST_BYTES = 2 * 1024 * 1024
MOST_ROWS = 10_000
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}")
MOMENT = re.compile(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)")
MOST_GPUS = 100_000


@dataclass(frozen=True)
class Fault:
    """What is wrong in one cell, and what to do. `row` is the line in the file, the version line being 1."""

    row: int
    run_id: str
    column: str
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Row:
    """One run as the site tells it. Moments are UTC; `person` is a login or an e-mail address."""

    row: int
    run_id: str
    allocation: str
    person: str
    gpus: int
    started_at: datetime
    ended_at: datetime
    state: str

    @property
    def gpu_seconds(self) -> int:
        return self.gpus * int((self.ended_at - self.started_at).total_seconds())


def check_size(content: bytes) -> None:
    """Asked before anything else: of a larger file a page reads no more. Raises InvalidInput (`content`)."""
    if len(content) > MOST_BYTES:
        raise _no_table(_("The file is larger than 2 MB."), _("Upload it in several parts."))


def read(content: bytes) -> tuple[list[Row], list[Fault]]:
    """The rows that can be read, and the faults of the others, one a cell.

    Raises InvalidInput (field `content`) where it isn't such a table at all.
    """
    lines = _lines(content)
    header = [name.strip().lower() for name in lines[0][1]]
    rows: list[Row] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for number, line in lines[1:]:
        cells = {name: cell.strip() for name, cell in zip(header, line, strict=False)}
        found = list(_faults(number, cells, len(line) - len(header), seen))
        seen.setdefault(cells.get("run_id", ""), number)
        if found:
            faults += found
        else:
            rows.append(_row(number, cells))
    return rows, faults


def _lines(content: bytes) -> list[tuple[int, list[str]]]:
    """Header and rows with their line numbers, empty ones left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_text() from error
    if "\0" in text:  # as UTF-16 has many, and no database takes one
        raise _no_text()
    first, _newline, rest = text.partition("\n")
    if first.strip().rstrip(",") != VERSION:
        raise _no_table(_("The first line must name the format's version."), _("Begin with: %s") % VERSION)
    reader = csv.reader(io.StringIO(rest, newline=""), strict=True)
    try:
        lines = [(reader.line_num + 1, line) for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise _no_table(
            _("This isn't a table of comma-separated values: %s.") % error, _("Export it as CSV.")
        ) from error
    header = [name.strip().lower() for name in lines[0][1]] if lines else []
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS + OPTIONAL]
    if missing or unknown or len(set(header)) < len(header):
        raise _no_table(
            _("The second line must name the columns. Missing: %(missing)s. Unknown: %(unknown)s.")
            % {"missing": ", ".join(missing) or "—", "unknown": ", ".join(unknown) or "—"},
            _("Write: %s") % ",".join(COLUMNS),
        )
    if len(lines) == 1:
        raise _no_table(_("The table has no rows."), _("Add a row for each run that ended."))
    if len(lines) > MOST_ROWS + 1:
        raise _no_table(
            _("These are more than %(most)s rows.") % {"most": f"{MOST_ROWS:,}"},
            _("Upload them in several parts."),
        )
    return lines


def _no_text() -> InvalidInput:
    return _no_table(_("This isn't text in UTF-8."), _("Save the table as CSV in UTF-8."))


def _no_table(message: str, remedy: str) -> InvalidInput:
    return InvalidInput(message, field="content", remedy=remedy)


def _faults(number: int, cells: dict[str, str], surplus: int, seen: dict[str, int]) -> Iterator[Fault]:
    run_id = cells.get("run_id", "")

    def fault(column: str, message: str, remedy: str) -> Fault:
        return Fault(number, run_id, column, message, remedy)

    if surplus > 0:
        yield fault("", _("The row has more cells than the header."), _("Quote cells that contain commas."))
    for column in COLUMNS:
        cell = cells.get(column, "")
        if not cell:
            yield fault(column, _("This cell is empty."), _("Fill it in."))
        elif column in CHECKS and not CHECKS[column][0](cell):
            yield fault(column, _("“%s” can't be read.") % cell[:60], str(CHECKS[column][1]()))
    if cells.get("cpus") and not (cells["cpus"].isascii() and cells["cpus"].isdigit()):
        yield fault("cpus", _("“%s” can't be read.") % cells["cpus"][:60], _("Write a whole number."))
    if run_id and run_id in seen:
        yield fault(
            "run_id",
            _("This run stands in line %(line)d already.") % {"line": seen[run_id]},
            _("Give each run its own name."),
        )
    start, end = _moment(cells.get("started_at", "")), _moment(cells.get("ended_at", ""))
    if start and end and end < start:
        yield fault("ended_at", _("The run ends before it starts."), _("Check both moments: they are UTC."))


def _moment(cell: str) -> datetime | None:
    if MOMENT.fullmatch(cell):
        with suppress(ValueError):
            return datetime.fromisoformat(cell).astimezone(UTC)
    return None


def _count(cell: str) -> bool:
    return cell.isascii() and cell.isdigit() and len(cell) < 10 and 1 <= int(cell) <= MOST_GPUS


CHECKS: dict[str, tuple[Callable[[str], Any], Callable[[], str]]] = {
    "run_id": (RUN_ID.fullmatch, lambda: _("At most 64 letters, digits and . _ : / @ -")),
    "gpus": (_count, lambda: _("Write a whole number of GPUs, 1 or more.")),
    "started_at": (_moment, lambda: _("Write the moment in UTC, such as 2026-11-23T08:15:00Z.")),
    "ended_at": (_moment, lambda: _("Write the moment in UTC, such as 2026-11-23T08:15:00Z.")),
    "state": (lambda cell: cell in ENDS, lambda: _("One of: %s.") % ", ".join(ENDS)),
    "person": (lambda cell: len(cell) <= 254, lambda: _("Write a login or an e-mail address.")),
}


def _row(number: int, cells: dict[str, str]) -> Row:
    """A row in which no fault was found."""
    return Row(
        row=number,
        run_id=cells["run_id"],
        allocation=cells["allocation"],
        person=cells["person"],
        gpus=int(cells["gpus"]),
        started_at=datetime.fromisoformat(cells["started_at"]).astimezone(UTC),
        ended_at=datetime.fromisoformat(cells["ended_at"]).astimezone(UTC),
        state=cells["state"],
    )
