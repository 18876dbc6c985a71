"""By what usage can be grouped, and to what it can be narrowed: a row of this table is a dimension."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import F
from django.db.models.functions import TruncMonth
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.reports.periods import month_of
from portal.foundation.formats import when

Params = dict[str, str]


@dataclass(frozen=True)
class Dimension:
    """`columns` are those of a report's row, each with where the cube has it; the first identifies.

    `narrow` turns a row's value into the parameters of the report behind it. `filter` is the cube's lookup
    where the dimension can also be a condition (`?site=…`). `order` sorts rows, else the columns do. `shown`
    is how API and CSV give the value, `written` how pages write the last column.
    """

    key: str
    label: Any
    columns: Mapping[str, Any]
    narrow: Callable[[Any], Params]
    written: Callable[[Any], SafeString]
    filter: str = ""
    order: tuple[str, ...] = ()
    shown: Callable[[Any], Any] = field(default=lambda value: value)


def _thing(key: str, label: Any, path: str, name: str) -> Dimension:
    """A dimension of things with a public code and a name."""
    return Dimension(
        key=key,
        label=label,
        columns={key: F(f"{path}__code"), f"{key}_name": F(f"{path}__{name}")},
        narrow=lambda code: {key: code},
        written=lambda told: format_html("<bdi>{}</bdi>", told),
        filter=f"{path}__code",
        order=(f"{key}_name", key),
    )


def _programme() -> Dimension:
    """A project counts for each programme that stands for it today; the rest has none."""
    path = "project__standing__programme"
    return Dimension(
        key="programme",
        label=_("Programme"),
        columns={"programme": F(f"{path}__code"), "programme_name": F(f"{path}__name_en")},
        narrow=lambda code: {"programme": code} if code else {},
        written=lambda told: format_html("<bdi>{}</bdi>", told or gettext("No programme")),
        filter=f"{path}__code",
        order=("programme_name", "programme"),
    )


def _day(day: date) -> Params:
    return {"from": day.isoformat(), "to": day.isoformat()}


def _month(first: date) -> Params:
    first, last = month_of(first)
    return {"from": first.isoformat(), "to": last.isoformat()}


DIMENSIONS = {
    dimension.key: dimension
    for dimension in (
        Dimension("day", _("Day"), {"day": F("day")}, _day, when, shown=date.isoformat),
        Dimension(
            "month",
            _("Month"),
            {"month": TruncMonth("day")},
            _month,
            lambda first: format_html("{}", date_format(first, "F Y")),
            shown=lambda first: first.isoformat()[:7],
        ),
        _thing("site", _("Site"), "resource__site", "name"),
        _thing("resource", _("Resource"), "resource", "name"),
        _thing("organisation", _("Organisation"), "project__organisation", "name"),
        _thing("project", _("Project"), "project", "title"),
        _programme(),
    )
}
# What a report is narrowed to next, when a row is opened.
DEEPER = ("organisation", "project", "resource", "day")
