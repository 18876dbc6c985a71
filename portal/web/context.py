"""What the frame around every page needs: navigation, counts, theme."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    return {
        "nav": [],
        "authority_name": settings.AUTHORITY_NAME,
        "demo_mode": settings.DEMO_MODE,
        "theme": request.COOKIES.get("theme", "auto"),
    }
