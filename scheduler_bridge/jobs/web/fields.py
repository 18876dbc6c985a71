"""Sizes as people type them: in Western or Urdu digits, memory in GB, wall time in hours and minutes."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

MB_PER_GB = 1000
MOST = 2**31 - 1  # of the column
# 1,500 and ۱٬۵۰۰: only where they really group thousands, so that nobody's 0,5 becomes 5.
GROUPED = re.compile(r"\d{1,3}([,٬،]\d{3})+([.٫]\d+)?")
WALL_TIME = re.compile(r"(?:(?P<hours>\d{1,5}):(?P<minutes>\d{1,2})|(?P<only_minutes>\d{1,7}))")
TYPED = {"inputmode": "decimal", "autocomplete": "off", "dir": "ltr"}


def _plain(value: Any) -> Any:
    """Text as Python reads it: no blanks, no thousands separators, a full stop before decimals."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if GROUPED.fullmatch(text):
        text = re.sub("[,٬،]", "", text)
    return text.replace("٫", ".")


class CountField(forms.IntegerField):
    """A whole number of at least 1."""

    widget = forms.TextInput(attrs={**TYPED, "inputmode": "numeric"})

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=MOST, **options)

    def to_python(self, value: Any) -> int | None:
        return super().to_python(_plain(value))


class GigabytesField(forms.Field):
    """GB on the page, MB in the form's data. 1 GB is 1,000 MB, so that limits come out round."""

    widget = forms.TextInput(attrs=TYPED)
    default_error_messages = {
        "invalid": _("Give the memory in GB, such as 64 or 1.5."),
        "small": _("Ask for at least 0.1 GB."),
    }

    def to_python(self, value: Any) -> int | None:
        text = _plain(value)
        if text in self.empty_values:
            return None
        try:
            megabytes = Decimal(text) * MB_PER_GB
        except InvalidOperation as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error
        if not megabytes.is_finite() or megabytes > MOST:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        if megabytes < MB_PER_GB // 10:
            raise forms.ValidationError(self.error_messages["small"], code="small")
        return int(megabytes)

    def prepare_value(self, value: Any) -> Any:
        return gigabytes(value) if isinstance(value, int) else value


class WallTimeField(forms.Field):
    """`1:30` (hours and minutes) or `90` (minutes) on the page, minutes in the form's data."""

    widget = forms.TextInput(attrs={**TYPED, "inputmode": "text", "placeholder": "1:30"})
    default_error_messages = {
        "invalid": _("Write the wall time as hours:minutes, such as 1:30, or as minutes, such as 90."),
        "minutes": _("After the colon stand minutes, from 00 to 59."),
        "small": _("Ask for at least one minute."),
    }

    def to_python(self, value: Any) -> int | None:
        text = _plain(value)
        if text in self.empty_values:
            return None
        match = WALL_TIME.fullmatch(str(text))
        if match is None:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
        if minutes > 59:
            raise forms.ValidationError(self.error_messages["minutes"], code="minutes")
        total = int(match["only_minutes"]) if match["only_minutes"] else 60 * hours + minutes
        if total < 1:
            raise forms.ValidationError(self.error_messages["small"], code="small")
        return total

    def prepare_value(self, value: Any) -> Any:
        return wall_time(value) if isinstance(value, int) else value


def gigabytes(megabytes: int) -> str:
    """`64`, `1.5`."""
    return f"{(Decimal(megabytes) / MB_PER_GB).normalize():f}"


def gigabytes_shown(megabytes: int) -> SafeString:
    """`64 GB`, as it stands on pages."""
    return format_html('<bdi class="num" dir="ltr">{}&nbsp;{}</bdi>', gigabytes(megabytes), _("GB"))


def wall_time(minutes: int) -> str:
    """`1:30`."""
    return f"{minutes // 60}:{minutes % 60:02}"
