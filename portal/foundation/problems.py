"""API errors as RFC 9457 problem documents (application/problem+json)."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.utils.translation import gettext as _
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

from portal.foundation import context, errors
from portal.foundation.middleware import is_lock_timeout


class Refusal(exceptions.APIException):
    """A DomainError on its way out of the API."""

    def __init__(self, error: errors.DomainError) -> None:
        super().__init__(detail=str(error.message), code=error.code)
        self.status_code = error.status
        self.error = error


class ProblemHandler(ExceptionHandler):
    """Turns domain errors into replies; everything else as the library does."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, OperationalError) and is_lock_timeout(exc):
            exc = errors.Busy()
        if isinstance(exc, RequestDataTooBig):
            exc = errors.TooLarge(remedy=_("Send it in several parts."))
        if isinstance(exc, errors.DomainError):
            return Refusal(exc)
        return super().convert_known_exceptions(exc)

    def get_response(self, exc: exceptions.APIException, data: Any) -> Response:
        response = super().get_response(exc, data)
        response.content_type = "application/problem+json"
        if exc.status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
            response["Retry-After"] = "2"
        return response


class ProblemFormatter(ExceptionFormatter):
    """`title` and `status` as the RFC has them; `errors` lists each fault with its field."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        refusal = self.exc.error if isinstance(self.exc, Refusal) else None
        faults = [
            {
                "code": fault.code,
                "field": refusal.field if refusal else fault.attr,
                "detail": fault.detail,
                "remedy": str(refusal.remedy) if refusal else "",
            }
            for fault in error_response.errors
        ]
        document = {
            "type": "about:blank",
            "title": faults[0]["detail"] if faults else str(self.exc.default_detail),
            "status": self.exc.status_code,
            "code": faults[0]["code"] if faults else self.exc.default_code,
            "errors": faults,
            "request_id": context.current().request_id,
        }
        if refusal and refusal.figures:
            document["figures"] = refusal.figures
        return document
