"""What the roof does around every request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.web.context import forget_duties


class DutiesMiddleware:
    """Whoever just did something sees at once what waits for them now, not what was remembered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in {"GET", "HEAD", "OPTIONS"} and request.user.is_authenticated:
            forget_duties(request.user)
        return response
