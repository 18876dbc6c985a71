"""What is asked of the cube: read from a query string, checked, and written back as one.

Page and API ask in the same words, so that each page is also an address of the API.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext as _

from allocations.reports.dimensions import DIMENSIONS, Dimension
from allocations.reports.metrics import METRICS, Metric
from allocations.reports.periods import PERIODS, Days, month_of
from allocations.reports.scope import Scope
from allocations.usage.models import UsageDay
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, NotVisible

FILTERS = tuple(key for key, dimension in DIMENSIONS.items() if dimension.filter)
PARAMETERS = ("group_by", "metrics", "from", "to", "period", "ordering", "person", *FILTERS)
DEFAULT_METRICS = "gpu_seconds,gpu_hours,jobs"


@dataclass(frozen=True)
class Question:
    """`first` and `last` are days in Pakistan, both included. `found` are the things that filters name."""

    scope: Scope
    first: date
    last: date
    group_by: tuple[Dimension, ...]
    metrics: tuple[Metric, ...]
    found: Mapping[str, Any]
    only_own: bool = False
    ordering: str = ""

    def cells(self) -> models.QuerySet[UsageDay]:
        """The cells of the cube that it is about, within the scope."""
        cells = self.scope.cube().filter(day__range=(self.first, self.last))
        if self.only_own:
            cells = cells.filter(user=self.scope.user)
        return cells.filter(**{DIMENSIONS[key].filter: thing.code for key, thing in self.found.items()})

    def params(self) -> dict[str, str]:
        """The question as parameters, everything spelled out: it means the same on any day."""
        params = {
            "group_by": ",".join(dimension.key for dimension in self.group_by),
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "metrics": ",".join(metric.key for metric in self.metrics),
        }
        ordering = {"ordering": self.ordering} if self.ordering else {}
        return params | self.filters() | ordering

    def filters(self) -> dict[str, str]:
        """What it is narrowed to."""
        own = {"person": "me"} if self.only_own else {}
        return {key: thing.code for key, thing in self.found.items()} | own

    def query(self, **changes: str) -> str:
        """The question as a query string, with some parameters changed."""
        return urlencode(self.params() | changes, safe=",")

    def grouped_by(self, *keys: str) -> "Question":
        """The same, grouped in another way."""
        return replace(self, group_by=tuple(DIMENSIONS[key] for key in keys), ordering="")


def read(query: QueryDict, scope: Scope, *, ignore: tuple[str, ...] = ()) -> Question:
    """The question of a query string; what isn't said is the present month by day.

    `ignore` names parameters that are somebody else's. Raises InvalidInput naming the parameter and what it
    may be, NotVisible for a named thing out of scope.
    """
    _refuse_unknown(query, ignore)
    first, last = _days(query)
    group_by = tuple(DIMENSIONS[key] for key in _keys(query, "group_by", DIMENSIONS, default="day"))
    metrics = tuple(METRICS[key] for key in _keys(query, "metrics", METRICS, default=DEFAULT_METRICS))
    return Question(
        scope=scope,
        first=first,
        last=last,
        group_by=group_by,
        metrics=metrics,
        found={key: scope.find(key, code) for key in FILTERS if (code := _told(query, key))},
        only_own=_only_own(query, scope),
        ordering=_ordering(query, [*(part.key for part in group_by), *(metric.key for metric in metrics)]),
    )


def _refuse_unknown(query: QueryDict, ignore: tuple[str, ...]) -> None:
    """A filter with a slip of the pen, silently ignored, would give figures of something else."""
    for name in query:
        if name not in PARAMETERS and name not in ignore:
            raise InvalidInput(
                _("Reports know no parameter “%(name)s”.") % {"name": name[:60]},
                field=name[:60],
                remedy=_possible(PARAMETERS),
            )


def _told(query: QueryDict, name: str) -> str:
    return str(query.get(name, "")).strip()


def _keys(query: QueryDict, name: str, table: Mapping[str, Any], *, default: str) -> list[str]:
    """Keys of `table`, comma-separated or repeated, each once."""
    told = ",".join(map(str, query.getlist(name)))
    keys = list(dict.fromkeys(key.strip() for key in told.split(",") if key.strip()))
    for key in keys:
        if key not in table:
            raise InvalidInput(
                _("“%(key)s” isn't possible here.") % {"key": key[:60]}, field=name, remedy=_possible(table)
            )
    return keys or default.split(",")


def _days(query: QueryDict) -> Days:
    today = clock.today()
    period = _told(query, "period")
    if period and period not in PERIODS:
        raise InvalidInput(
            _("“%(key)s” is no period.") % {"key": period[:60]}, field="period", remedy=_possible(PERIODS)
        )
    if period and (_told(query, "from") or _told(query, "to")):
        raise InvalidInput(
            _("A period has its own days."), field="period", remedy=_("Give “period”, or “from” and “to”.")
        )
    if period:
        return PERIODS[period].days(today)
    first, last = _day(query, "from"), _day(query, "to")
    first = first or month_of(last or today)[0]
    last = last or month_of(max(first, today))[1]
    if last < first:
        raise InvalidInput(
            _("The period ends before it begins."), field="to", remedy=_("Give a day not before “from”.")
        )
    return first, last


def _day(query: QueryDict, name: str) -> date | None:
    told = _told(query, name)
    if not told:
        return None
    try:
        return date.fromisoformat(told)
    except ValueError:
        raise InvalidInput(
            _("“%(told)s” is no day.") % {"told": told[:60]},
            field=name,
            remedy=_("Write it like 2026-11-30."),
        ) from None


def _only_own(query: QueryDict, scope: Scope) -> bool:
    person = _told(query, "person")
    if person and person not in {"me", scope.user.code}:
        raise NotVisible(
            _("Usage by person is shown to that person alone."), field="person", remedy=_possible(["me"])
        )
    return bool(person)


def _ordering(query: QueryDict, columns: list[str]) -> str:
    told = _told(query, "ordering")
    if told and told.removeprefix("-") not in columns:
        raise InvalidInput(
            _("Rows can't be put in order by “%(key)s”.") % {"key": told[:60]},
            field="ordering",
            remedy=_possible([*columns, *(f"-{column}" for column in columns)]),
        )
    return told


def _possible(values: Any) -> str:
    return _("Possible: %(values)s.") % {"values": ", ".join(values)}
