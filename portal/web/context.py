"""What the frame around every page needs: navigation, counts, theme."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.foundation.theme import theme_of


def shell(request: HttpRequest) -> dict[str, Any]:
    return {
        "nav": [],
        "authority_name": settings.AUTHORITY_NAME,
        "demo_mode": settings.DEMO_MODE,
        "theme": theme_of(request),
    }
