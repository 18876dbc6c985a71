"""Request context for audit and logs; domain errors as pages."""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext
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


class NulMiddleware:
    """Refuses NUL characters in an address, or in what a page sends, with 400: PostgreSQL stores none.

    What is sent to the API is checked field by field by its serializers.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query or "\0" in query or "\0" in request.path:
            return _nul_refused(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        if request.method != "POST" or context.current().channel == "api":
            return None
        values = (value for _name, some in request.POST.lists() for value in some)
        return _nul_refused(request) if any("\0" in value for value in values) else None


def _nul_refused(request: HttpRequest) -> HttpResponse:
    error = errors.InvalidInput(
        gettext("There is a character (NUL) that no text has."), remedy=gettext("Take it out and try again.")
    )
    if context.current().channel != "api":
        return render(request, "errors/refused.html", {"error": error}, status=error.status)
    fault = {"code": error.code, "field": None, "detail": str(error.message), "remedy": str(error.remedy)}
    document = {
        "type": "about:blank",
        "title": str(error.message),
        "status": error.status,
        "code": error.code,
        "errors": [fault],
        "request_id": context.current().request_id,
    }
    return JsonResponse(document, status=error.status, content_type="application/problem+json")


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
