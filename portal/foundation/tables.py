"""Tables that people send as CSV: rows by the names of their columns, numbered as a spreadsheet does."""

import csv
import io
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from portal.foundation.errors import InvalidInput


def rows(
    table: str, *, columns: Sequence[str], optional: Sequence[str] = (), most: int
) -> Iterator[tuple[int, dict[str, str]]]:
    """Number (the header is row 1) and trimmed cells of each row that isn't empty.

    A cell that is missing is empty; columns that nobody asked for are passed over. Raises InvalidInput (field
    `table`) where it is no CSV, lacks one of `columns`, or has more than `most` rows.
    """
    lines = _lines(table)
    header = [name.strip().lower() for name in lines[0]] if lines else []
    if missing := [name for name in columns if name not in header]:
        raise InvalidInput(
            _("The first row must name the columns; “%(columns)s” is missing.")
            % {"columns": ", ".join(missing)},
            field="table",
            remedy=_("Begin with: %(columns)s") % {"columns": ",".join(columns)},
        )
    if len(lines) > most + 1:
        raise InvalidInput(
            _("These are more than %(most)d rows.") % {"most": most},
            field="table",
            remedy=_("Send them in several parts."),
        )
    for number, line in enumerate(lines[1:], start=2):
        if any(cell.strip() for cell in line):
            cells = dict(zip(header, (cell.strip() for cell in line), strict=False))
            yield number, {name: cells.get(name, "") for name in (*columns, *optional)}


def _lines(table: str) -> list[list[str]]:
    if "\0" in table:  # as UTF-16 has many
        raise InvalidInput(
            _("This isn't text in UTF-8."), field="table", remedy=_("Save the table as CSV in UTF-8.")
        )
    try:
        return list(csv.reader(io.StringIO(table.lstrip("\ufeff"), newline="")))
    except csv.Error as error:
        raise InvalidInput(
            _("This isn't a table of comma-separated values: %s.") % error,
            field="table",
            remedy=_("Export it as CSV."),
        ) from error
