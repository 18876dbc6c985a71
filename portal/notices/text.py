"""Message ids into words."""

from typing import Any

from django.utils.translation import gettext


def render(message: str, params: dict[str, Any]) -> str:
    """`message` in the active language with its places filled. An empty message stays empty."""
    return gettext(message) % params if message else ""
