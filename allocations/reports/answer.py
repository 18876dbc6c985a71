"""Asking the cube. A report costs one query for its totals and one for the rows that are shown."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db.models import Count, Max, QuerySet
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from allocations.awards.quotas.models import ProgrammeOfProject
from allocations.reports.question import Question
from portal.foundation import clock

# Sites tell of an ended run within minutes, but may correct themselves for days.
SETTLES_AFTER = timedelta(days=5)
PROGRAMME = "programme"
STREAMED = 2000  # rows fetched at a time

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    question: Question

    # --- Rows ---------------------------------------------------------------------------------------
    def rows(self) -> QuerySet[Any, Any]:
        """The groups, as `by_<column>` and `sum_<metric>`; `as_shown` makes rows of the API from them."""
        question = self.question
        columns = {f"by_{name}": path for part in question.group_by for name, path in part.columns.items()}
        sums = {f"sum_{metric.key}": metric.total for metric in question.metrics}
        return question.cells().values(**columns).annotate(**sums).order_by(*self._order())

    def streamed(self) -> Iterator[Row]:
        """Every row, without holding them all."""
        return (self.as_shown(row) for row in self.rows().iterator(chunk_size=STREAMED))

    def as_shown(self, row: Row) -> Row:
        """A row as API and CSV give it."""
        shown: Row = {}
        for part in self.question.group_by:
            shown |= {name: part.shown(row[f"by_{name}"]) for name in part.columns}
        return shown | {
            metric.key: metric.shown(row[f"sum_{metric.key}"]) for metric in self.question.metrics
        }

    @property
    def columns(self) -> list[str]:
        """The keys of a row, in order."""
        of_dimensions = [name for part in self.question.group_by for name in part.columns]
        return [*of_dimensions, *(metric.key for metric in self.question.metrics)]

    def _order(self) -> list[str]:
        """As asked, then by every dimension: a stable order, so that pages neither repeat nor miss rows."""
        parts = {
            part.key: [f"by_{name}" for name in part.order or part.columns] for part in self.question.group_by
        }
        told = self.question.ordering
        key, sign = told.removeprefix("-"), "-" if told.startswith("-") else ""
        first = [f"{sign}{name}" for name in parts.pop(key, [f"sum_{key}"])] if told else []
        return first + [name for names in parts.values() for name in names]

    # --- Totals -------------------------------------------------------------------------------------
    @cached_property
    def sums(self) -> dict[str, Any]:
        """The exact sum of each metric over everything asked for, and what tells one answer from another."""
        question = self.question
        sums = {f"sum_{metric.key}": metric.total for metric in question.metrics}
        return question.cells().aggregate(
            **sums,
            cells=Count("pk"),
            cells_changed=Max("changed_at"),
            # Names and charge factors are part of the answer too.
            resources_changed=Max("resource__updated_at"),
            sites_changed=Max("resource__site__updated_at"),
            projects_changed=Max("project__updated_at"),
            organisations_changed=Max("project__organisation__updated_at"),
        )

    def totals(self) -> dict[str, int | float]:
        """Over all rows, not only those of a page; summed exactly, not from rounded rows."""
        return {metric.key: metric.shown(self.sums[f"sum_{metric.key}"]) for metric in self.question.metrics}

    @property
    def etag(self) -> str:
        """Weak: the same question has the same answer until a cell, or a name in it, changes."""
        told = {
            "question": self.question.params(),
            "user": self.question.scope.user.code,
            "scope": self.question.scope.statement,
            "language": get_language(),
            "provisional": self.provisional,
            "sums": {key: str(value) for key, value in self.sums.items()},
            "standing": self._standing(),
        }
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        return f'W/"{digest[:32]}"'

    @property
    def by_programme(self) -> bool:
        return any(part.key == PROGRAMME for part in self.question.group_by)

    def _standing(self) -> list[str]:
        """Which programmes stand for which projects, where the answer depends on it."""
        if not self.by_programme and PROGRAMME not in self.question.found:
            return []
        standing = ProgrammeOfProject.objects.values_list("pk", "programme__name_en")
        return sorted(f"{pk} {name}" for pk, name in standing)

    # --- What must be said beside the figures -------------------------------------------------------
    @property
    def provisional(self) -> bool:
        """Whether figures of the period may still be expected to change."""
        return clock.today() <= self.question.last + SETTLES_AFTER

    @property
    def note(self) -> str:
        overlap = _("A project counts for each programme that stands for it: rows may overlap.")
        return f"{self._settled} {overlap}" if self.by_programme else self._settled

    @property
    def _settled(self) -> str:
        if self.provisional:
            return _(
                "Provisional: a run is counted once it has ended, on each day on which it ran. "
                "What is running now isn't in these figures yet."
            )
        return _("Later corrections by a site are taken in on the day that they are about.")
