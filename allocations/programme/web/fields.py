"""Fields that several forms of requests ask with."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from datacenters.models import Resource

# Grouping and decimal signs of either language; Decimal itself reads all digits.
SEPARATORS = str.maketrans({",": "", "٬": "", "،": "", "٫": ".", "\u00a0": "", " ": ""})
ANY_SUITABLE = "any"


class NumberText(forms.TextInput):
    """A number in one line, in either script's digits: a text input with a number pad."""

    def __init__(self) -> None:
        super().__init__(attrs={"inputmode": "decimal", "autocomplete": "off"})


class GpuHoursField(forms.DecimalField):
    """GPU-hours, whole or with up to two decimals, in Western or Urdu digits."""

    widget = NumberText

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("GPU-hours"))
        options.setdefault("min_value", Decimal("0.01"))
        super().__init__(max_digits=11, decimal_places=2, **options)

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.translate(SEPARATORS) if isinstance(value, str) else value)


class CountField(forms.IntegerField):
    """A whole number, in Western or Urdu digits."""

    widget = NumberText

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=1_000_000, **options)

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.translate(SEPARATORS) if isinstance(value, str) else value)


class DayField(forms.DateField):
    """A day, by the browser's own calendar."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(widget=widget, **options)


class WhereField(forms.ChoiceField):
    """A resource, any suitable one, or not yet known. Cleans to (resource or None, any_suitable)."""

    def __init__(self, *, resources: list[Resource], **options: Any) -> None:
        self.resources = {resource.code: resource for resource in resources}
        choices = [
            ("", _("Choose a resource")),
            (ANY_SUITABLE, _("Any suitable site")),
            *((resource.code, site_and_name(resource)) for resource in resources),
        ]
        options.setdefault("label", _("Resource"))
        super().__init__(choices=choices, **options)

    def clean(self, value: Any) -> tuple[Resource | None, bool]:
        chosen = super().clean(value)
        return self.resources.get(chosen), chosen == ANY_SUITABLE


def site_and_name(resource: Resource) -> str:
    return f"{resource.site} · {resource.name}"


def text_area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "dir": "auto"})


def urdu_line() -> forms.TextInput:
    """For what is written in Urdu whatever the page's language is: set in its own face."""
    return forms.TextInput(attrs={"dir": "rtl", "lang": "ur"})
