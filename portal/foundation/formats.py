"""How amounts, times and identifiers are written on pages. Digits are Western in both languages.

Each result is an island of one direction, so that it reads rightly inside text of the other as well.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import get_language_bidi, gettext

from portal.foundation.clock import KARACHI
from portal.foundation.units import SECONDS_PER_HOUR

NOTHING = mark_safe('<span class="nothing">—</span>')


def hours(gpu_seconds: int | None) -> str:
    """GPU-seconds as plain hours with separators: `1,234`, `0.5`; what is too small to show, `<0.01`."""
    if gpu_seconds is None:
        return ""
    if 0 < abs(gpu_seconds) < SECONDS_PER_HOUR / 100:
        return "<0.01" if gpu_seconds > 0 else ">-0.01"
    text = f"{Decimal(gpu_seconds) / SECONDS_PER_HOUR:,.2f}"
    return text.removesuffix("0").removesuffix(".0")


def hours_island(gpu_seconds: int | None) -> SafeString:
    """Plain hours for a page: what stands before the number (`<`, `-`) stays before it in Urdu."""
    text = hours(gpu_seconds)
    return format_html('<bdi class="num" dir="ltr">{}</bdi>', text) if text else mark_safe("")


def gpu_hours(gpu_seconds: int | None) -> SafeString:
    """GPU-seconds as `1,234.5 GPU-h`, with the exact GPU-seconds in the tooltip."""
    if gpu_seconds is None:
        return NOTHING
    exact = gettext("%(seconds)s GPU-seconds") % {"seconds": f"{gpu_seconds:,}"}
    return format_html(
        '<bdi class="num" dir="{}" title="{}">{}&nbsp;{}</bdi>',
        "rtl" if get_language_bidi() else "ltr",  # the unit is a word of the language
        exact,
        hours(gpu_seconds),
        gettext("GPU-h"),
    )


def number(value: Any) -> SafeString:
    """A whole or decimal number with separators."""
    if value is None or value == "":
        return NOTHING
    return format_html('<bdi class="num" dir="ltr">{}</bdi>', f"{value:,}")


def percent(value: Any) -> SafeString:
    """A share of a hundred as `14.73 %`, `20 %`; the sign stays behind the number in Urdu."""
    if value is None or value == "":
        return NOTHING
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return format_html('<bdi class="num" dir="ltr">{}&nbsp;%</bdi>', text)


def duration(seconds: int | None) -> SafeString:
    """Seconds in their two largest units: `2 d 4 h`, `3 min 20 s`."""
    if seconds is None:
        return NOTHING
    rest, parts = int(seconds), []
    units = ((86400, gettext("d")), (3600, gettext("h")), (60, gettext("min")), (1, gettext("s")))
    for size, unit in units:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}\u00a0{unit}")
    return format_html('<bdi class="num">{}</bdi>', " ".join(parts[:2]) or f"0\u00a0{gettext('s')}")


def when(moment: datetime | date | None) -> SafeString:
    """A moment as `5 Sep 2026, 14:05` in Pakistan's time (seconds and zone in the tooltip), or a date."""
    if not moment:
        return NOTHING
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), date_format(moment, "j M Y"))
    return _time(moment, date_format(moment.astimezone(KARACHI), gettext("j M Y, H:i")))


def ago(moment: datetime | None) -> SafeString:
    """A moment as a distance from now (`5 minutes ago`), with the moment itself in the tooltip."""
    if not moment:
        return NOTHING
    if abs(moment - timezone.now()) < timedelta(minutes=1):
        text = gettext("just now")
    elif moment <= timezone.now():
        text = gettext("%(distance)s ago") % {"distance": timesince(moment, depth=1)}
    else:
        text = gettext("in %(distance)s") % {"distance": timeuntil(moment, depth=1)}
    return _time(moment, text)


def code(value: Any) -> SafeString:
    """An identifier, path or command: set in monospace, left to right, never translated."""
    if value is None or value == "":
        return NOTHING
    return format_html('<code dir="ltr" translate="no">{}</code>', value)


def _time(moment: datetime, text: str) -> SafeString:
    local = moment.astimezone(KARACHI)
    title = gettext("%(moment)s, Pakistan Standard Time") % {"moment": date_format(local, "l, j F Y, H:i:s")}
    machine = moment.astimezone(UTC).isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', machine, title, text)
