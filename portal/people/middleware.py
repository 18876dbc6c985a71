"""When a session was last seen, without a write for every page."""

import hashlib
from typing import Any

from allauth.usersessions.middleware import UserSessionsMiddleware
from django.core.cache import cache
from django.http import HttpRequest

# Seconds between two notes of one session's activity.
INTERVAL = 300


class SessionActivityMiddleware(UserSessionsMiddleware):  # type: ignore[misc]
    """As allauth's own, which spends five queries on each request, but once in INTERVAL for a session."""

    def __call__(self, request: HttpRequest) -> Any:
        key = request.session.session_key
        if key and cache.add(f"session-seen:{hashlib.sha256(key.encode()).hexdigest()}", 1, INTERVAL):
            return super().__call__(request)
        return self.get_response(request)
