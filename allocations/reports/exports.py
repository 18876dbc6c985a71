"""Answers as files."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from portal.foundation.text import harmless


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
