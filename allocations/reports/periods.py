"""The periods that people ask for by name."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from portal.foundation.clock import Quarter

Days = tuple[date, date]  # first and last, both included


@dataclass(frozen=True)
class Period:
    key: str
    label: Any
    days: Callable[[date], Days]


def month_of(day: date) -> Days:
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def quarter_of(day: date) -> Days:
    quarter = Quarter.of(day)
    return quarter.first_day, quarter.last_day


def day_before(days: Days) -> date:
    return days[0] - timedelta(days=1)


PERIODS = {
    period.key: period
    for period in (
        Period("this_month", _("This month"), month_of),
        Period("last_month", _("Last month"), lambda today: month_of(day_before(month_of(today)))),
        Period("this_quarter", _("This quarter"), quarter_of),
        Period("last_quarter", _("Last quarter"), lambda today: quarter_of(day_before(quarter_of(today)))),
    )
}
