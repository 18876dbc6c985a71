"""JSON or CSV: what a view says that answers with either."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.foundation.errors import InvalidInput


class CSVRenderer(BaseRenderer):
    """Stands for CSV in the negotiation; the lines themselves are streamed."""

    media_type = "text/csv"
    format = "csv"


class Formats(DefaultContentNegotiation):
    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:
        """The one that `?format=` names; the library would answer 404 where there is none."""
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            raise InvalidInput(
                _("Reports don't come as “%(format)s”.") % {"format": format[:60]},
                field="format",
                remedy=_("Possible: %(values)s.") % {"values": "json, csv"},
            )
        return found


class JSONOrCSV(APIView):
    """A view that asks `self.request.accepted_renderer.format` which of the two is wanted."""

    renderer_classes = [JSONRenderer, CSVRenderer]
    content_negotiation_class = Formats

    def handle_exception(self, exc: Exception) -> Response:
        # Errors come as problem+json, to who wants CSV as well.
        self.request.accepted_renderer, self.request.accepted_media_type = JSONRenderer(), "application/json"
        return super().handle_exception(exc)
