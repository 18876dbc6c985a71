"""Pages for everybody: how often somebody who isn't signed in may ask for them."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.throttling import AnonRateThrottle

from portal.foundation.errors import TooMany


class PublicPages(AnonRateThrottle):
    """As the API throttles anonymous callers, by address, in a count of its own (settings: `public`)."""

    scope = "public"


class PublicPageMixin:
    """For a page that nobody signs in for. Beyond the rate it is refused with 429 (TooMany)."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        throttle = PublicPages()
        if not throttle.allow_request(request, self):  # type: ignore[arg-type]
            raise TooMany(
                _("These pages were asked for too often from your address."),
                remedy=_("Wait a minute, or sign in; programs use the API and keep its answers."),
            )
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc, no-any-return]
