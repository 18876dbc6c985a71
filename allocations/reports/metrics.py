"""What can be counted: a row of this table is a column of the reports."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import BigIntegerField, DecimalField, F, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from portal.foundation.formats import hours_island, number
from portal.foundation.units import SECONDS_PER_HOUR

Amount = int | Decimal


@dataclass(frozen=True)
class Metric:
    """`total` sums the cube exactly; `shown` is how API and CSV give that sum, `written` how pages do."""

    key: str
    label: Any
    total: Coalesce
    shown: Callable[[Amount], int | float]
    written: Callable[[Amount], str]


def _sum(column: Any, *, whole: bool = True) -> Coalesce:
    field = BigIntegerField() if whole else DecimalField(max_digits=40, decimal_places=3)
    return Coalesce(Sum(column), 0, output_field=field)


def _hours(gpu_seconds: Amount) -> float:
    """Exact to the fourth decimal place; who needs more takes the GPU-seconds."""
    return float((Decimal(gpu_seconds) / SECONDS_PER_HOUR).quantize(Decimal("0.0001")))


def _written_hours(gpu_seconds: Amount) -> str:
    return hours_island(int(gpu_seconds))


METRICS = {
    metric.key: metric
    for metric in (
        Metric("gpu_seconds", _("GPU-seconds"), _sum("gpu_seconds"), int, number),
        Metric("gpu_hours", _("GPU-hours"), _sum("gpu_seconds"), _hours, _written_hours),
        Metric(
            "normalised_gpu_hours",
            _("Normalised GPU-hours"),
            _sum(F("gpu_seconds") * F("resource__charge_factor"), whole=False),
            _hours,
            _written_hours,
        ),
        Metric("jobs", _("Jobs ended"), _sum("jobs"), int, number),
    )
}
