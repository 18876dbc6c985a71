"""The settings of a measured web server: those of `make run`, and a header that tells each page's queries."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from portal.settings.local import *  # noqa: F403
from portal.settings.local import MIDDLEWARE as OF_THE_PORTAL

HEADER = "X-Bench-Queries"


class QueryCount:
    """Counts what a request asks the database, the sign-in included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked: list[str] = []

        def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
            asked.append(sql)
            return execute(sql, *rest)

        with connection.execute_wrapper(note):
            response = self.get_response(request)
        response[HEADER] = str(len(asked))
        return response


MIDDLEWARE = ["bench.counting.QueryCount", *OF_THE_PORTAL]
