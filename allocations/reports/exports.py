"""Answers as files."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from portal.foundation.text import without_bidi_controls

# What spreadsheets take for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Every row as CSV, after a header with the names of the columns."""
    writer = csv.writer(_Echo())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([harmless(row[column]) for column in columns])


def harmless(value: Any) -> Any:
    """People's words, such as a project's title, as words: an apostrophe keeps them from being a formula,
    and what would turn the reading direction round is left out.
    """
    if not isinstance(value, str):
        return value
    value = without_bidi_controls(value)
    return f"'{value}" if value.startswith(FORMULA) else value
