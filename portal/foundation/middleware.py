"""Request context for audit and logs; domain errors as pages."""

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.throttling import BaseThrottle

from portal.foundation import context, errors

Handler = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Gives each request an id (also in the X-Request-ID reply header) and a channel."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        entry = context.RequestContext(
            channel="api" if request.path.startswith("/api/") else "web",
            request_id=uuid.uuid4().hex,
            # Behind trusted proxies (NUM_PROXIES), whom they speak for.
            address=BaseThrottle().get_ident(request) or "",  # type: ignore[arg-type]
        )
        with context.entered(entry):
            response = self.get_response(request)
        response["X-Request-ID"] = entry.request_id
        return response


class DomainErrorMiddleware:
    """A DomainError that no view turned into a form error becomes a page with the reason and the remedy."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, OperationalError) and is_lock_timeout(exception):
            exception = errors.Busy()
        if not isinstance(exception, errors.DomainError):
            return None
        if isinstance(exception, errors.NotVisible):
            raise Http404(exception.text)
        return render(request, "errors/refused.html", {"error": exception}, status=exception.status)


def is_lock_timeout(error: OperationalError) -> bool:
    """Whether PostgreSQL gave up on a lock (55P03), found a deadlock (40P01) or a conflict (40001)."""
    return getattr(error.__cause__, "pgcode", None) in {"55P03", "40P01", "40001"}


def tell(request: HttpRequest, error: errors.DomainError) -> None:
    """Show a refusal as a message on the next page."""
    messages.error(request, error.text)
