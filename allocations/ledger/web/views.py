"""The statement of an allocation: as a page and as CSV."""

import csv
from collections.abc import Iterator
from itertools import batched
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import View

from allocations.ledger.filtersets import StatementFilters
from allocations.ledger.models import Posting
from allocations.ledger.policies import may_see
from allocations.ledger.selectors import balances, entries
from allocations.ledger.statement import Entry, statement
from portal.foundation.text import harmless
from portal.foundation.web import ListPage

BATCH = 1000


def entries_for(user: Any, code: str) -> QuerySet[Posting]:
    """Raises Http404 where `user` may not see the allocation."""
    if not may_see(user, code):
        raise Http404
    return entries(code)


class Statement(ListPage):
    filterset_class = StatementFilters
    template_name = "ledger/statement.html"
    title = gettext_lazy("Ledger")

    def get_queryset(self) -> QuerySet[Posting]:
        return entries_for(self.request.user, self.kwargs["code"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        code = self.kwargs["code"]
        context = super().get_context_data(code=code, balance=balances(code), **kwargs)
        return context | {"entries": statement(code, list(context["page_obj"]))}


class StatementCsv(LoginRequiredMixin, View):
    """The filtered statement, one row a transfer, streamed."""

    def get(self, request: HttpRequest, code: str) -> HttpResponseBase:
        filters = StatementFilters(request.GET, queryset=entries_for(request.user, code))
        if not filters.is_valid():
            return HttpResponse(
                filters.errors.as_text(), status=400, content_type="text/plain; charset=utf-8"
            )
        writer = csv.writer(_Echo())
        response = StreamingHttpResponse(
            (writer.writerow(row) for row in _rows(code, filters.qs)), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="ledger-{code}.csv"'
        return response


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _rows(code: str, postings: QuerySet[Posting]) -> Iterator[list[Any]]:
    yield [
        _("Posted (UTC)"),
        _("Kind"),
        _("Key"),
        _("Reference"),
        _("Job"),
        _("From"),
        _("To"),
        _("GPU-seconds"),
        _("Available after (GPU-seconds)"),
        _("By"),
        _("Reason"),
    ]
    for batch in batched(postings.iterator(chunk_size=BATCH), BATCH):
        for entry in statement(code, batch):
            yield from _rows_of(entry)


def _rows_of(entry: Entry) -> Iterator[list[Any]]:
    posting = entry.posting
    start = [posting.posted_at.isoformat(), posting.kind, posting.key, harmless(posting.reference), entry.job]
    end = [entry.available, entry.by, harmless(posting.reason)]
    for line in entry.lines:
        yield [*start, line.source.value, line.target.value, line.gpu_seconds, *end]
    if not entry.lines:
        yield [*start, "", "", 0, *end]
