"""Reports over the API, as JSON and CSV."""

from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from allocations.reports.answer import Answer
from allocations.reports.api.formats import JSONOrCSV
from allocations.reports.api.serializers import UsageReportSerializer
from allocations.reports.dimensions import DIMENSIONS
from allocations.reports.exports import csv_lines
from allocations.reports.metrics import METRICS
from allocations.reports.periods import PERIODS
from allocations.reports.question import DEFAULT_METRICS, FILTERS, read
from allocations.reports.scope import scope_of
from portal.foundation import clock
from portal.foundation.paging import Pages

NOT_OURS = ("page", "page_size", "format")


def _listed(name: str, table: Any, default: str) -> OpenApiParameter:
    text = f"Comma-separated: {', '.join(table)}. Default: {default}."
    return OpenApiParameter(name, OpenApiTypes.STR, description=text)


PARAMETERS = [
    _listed("group_by", DIMENSIONS, "day"),
    _listed("metrics", METRICS, DEFAULT_METRICS),
    OpenApiParameter("from", OpenApiTypes.DATE, description="First day, in Pakistan."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, included."),
    OpenApiParameter(
        "period", enum=list(PERIODS), description="Instead of from and to. Default: this_month."
    ),
    *(OpenApiParameter(key, description=f"Only this {key} (its code).") for key in FILTERS),
    OpenApiParameter("person", enum=["me"], description="Only what you ran yourself."),
    OpenApiParameter("ordering", description="A column of the rows; with - before it, largest first."),
    OpenApiParameter("format", enum=["json", "csv"], description="Or by the Accept header."),
    OpenApiParameter("page", OpenApiTypes.INT),
    OpenApiParameter("page_size", OpenApiTypes.INT, description="Up to 500. CSV has no pages."),
]


class UsageReport(JSONOrCSV):
    """Usage by day, month, site, resource, organisation, project and programme, as far as you may see it."""

    @extend_schema(
        operation_id="reports_usage",
        parameters=PARAMETERS,
        responses={
            (200, "application/json"): UsageReportSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            304: None,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        answer = Answer(read(request.query_params, scope_of(request.user), ignore=NOT_OURS))
        # A caller who has this answer already costs one query.
        response: HttpResponseBase | None = get_conditional_response(request._request, etag=answer.etag)
        if response is None:
            response = self._csv(answer) if request.accepted_renderer.format == "csv" else self._json(answer)
        response["ETag"] = answer.etag
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["Accept", "Accept-Language", "Authorization", "Cookie"])
        return response

    def _json(self, answer: Answer) -> Response:
        question = answer.question
        pages = Pages()
        rows = pages.paginate_queryset(answer.rows(), self.request, view=self) or []
        return Response(
            {
                "from": question.first,
                "to": question.last,
                "group_by": [dimension.key for dimension in question.group_by],
                "metrics": [metric.key for metric in question.metrics],
                "filters": question.filters(),
                "count": pages.page.paginator.count if pages.page else 0,
                "next": pages.get_next_link(),
                "previous": pages.get_previous_link(),
                "rows": [answer.as_shown(row) for row in rows],
                "totals": answer.totals(),
                "provisional": answer.provisional,
                "note": answer.note,
                "scope": question.scope.statement,
                "generated_at": clock.now(),
            }
        )

    def _csv(self, answer: Answer) -> StreamingHttpResponse:
        question = answer.question
        name = f"usage-{question.first}-{question.last}.csv"
        return StreamingHttpResponse(
            csv_lines(answer.columns, answer.streamed()),
            content_type="text/csv; charset=utf-8; header=present",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
