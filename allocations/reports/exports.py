"""Answers as files."""

import csv
from collections.abc import Iterator
from typing import Any

from allocations.reports.answer import Answer

# What spreadsheets take for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(answer: Answer) -> Iterator[str]:
    """Every row as CSV, after a header with the names of the columns."""
    writer = csv.writer(_Echo())
    yield writer.writerow(answer.columns)
    for row in answer.streamed():
        yield writer.writerow([harmless(row[column]) for column in answer.columns])


def harmless(value: Any) -> Any:
    """People's words, such as a project's title, as words: an apostrophe keeps them from being a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
