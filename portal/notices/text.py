"""Message ids into words."""

import re
from contextlib import suppress
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def render(message: str, params: dict[str, Any]) -> str:
    """`message` in the active language with its places filled, days as on pages. Empty stays empty."""
    return gettext(message) % {name: _written(value) for name, value in params.items()} if message else ""


def _written(value: Any) -> Any:
    """A day is kept as `2026-09-05`, for it is put into words anew in each reader's language."""
    if isinstance(value, str) and DAY.fullmatch(value):
        with suppress(ValueError):  # somebody's title may look like a day and be none
            return date_format(date.fromisoformat(value), "j M Y")
    return value
