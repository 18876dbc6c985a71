"""The public register over the API, as JSON and CSV; nobody needs to sign in."""

import hashlib
from typing import Any

from django.db.models import DecimalField, QuerySet, Sum
from django.db.models.functions import Extract
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView

from allocations.awards.models import Allocation
from allocations.reports.api.formats import JSONOrCSV
from allocations.reports.exports import csv_lines
from allocations.reports.register import statistics
from allocations.reports.register.entries import (
    COLUMNS,
    ILLUSTRATIVE,
    Totals,
    entries,
    published,
    streamed,
    totals,
)
from allocations.reports.register.filters import RegisterFilters
from portal.foundation.paging import Pages
from portal.foundation.units import seconds_to_hours

# When what an entry tells was last changed. What it tells of a request stands still once that is decided.
TOLD = ("updated_at", "project__updated_at", "project__organisation__updated_at")
KEPT_SECONDS = 300  # by caches on the way; figures follow the ledger within that


class EntrySerializer(serializers.Serializer[Any]):
    """An award and what became of it. No person is named."""

    award = serializers.CharField()
    remark = serializers.CharField(help_text=f"{ILLUSTRATIVE} where it is a demonstration, else empty.")
    decided_on = serializers.DateField()
    reason = serializers.CharField(help_text="The decision's reason code; empty: awarded without a request.")
    track = serializers.CharField(help_text="Its code.")
    organisation = serializers.CharField()
    sector = serializers.CharField(help_text="Its code.")
    province = serializers.CharField()
    site = serializers.CharField(help_text="Its code.")
    resource = serializers.CharField(help_text="Its code.")
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    granted_gpu_hours = serializers.FloatField()
    used_gpu_hours = serializers.FloatField()
    returned_gpu_hours = serializers.FloatField(help_text="Given back, reclaimed or expired.")
    abstract = serializers.CharField(help_text="“withheld” where it may not be published.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`class` is a word of Python's."""
        fields = super().get_fields()
        return {**fields, "class": serializers.CharField(help_text="startup, academic or agency.")}


class RegisterTotalsSerializer(serializers.Serializer[Any]):
    awards = serializers.IntegerField()
    granted_gpu_hours = serializers.FloatField()
    used_gpu_hours = serializers.FloatField()
    returned_gpu_hours = serializers.FloatField()


class RegisterSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Number of awards on all pages.")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    totals = RegisterTotalsSerializer(help_text="Over all pages, from the ledger.")
    remark = serializers.CharField(help_text=f"{ILLUSTRATIVE} where any row is a demonstration.")
    results = EntrySerializer(many=True)


class QuarterSerializer(serializers.Serializer[Any]):
    """The requests submitted (last) in a quarter, and what became of them."""

    quarter = serializers.CharField()
    requested = serializers.IntegerField()
    awarded = serializers.IntegerField()
    declined = serializers.IntegerField()
    waiting = serializers.IntegerField()
    success_percent = serializers.IntegerField(allow_null=True, help_text="Of those decided.")
    requested_gpu_seconds = serializers.IntegerField()
    granted_gpu_seconds = serializers.IntegerField()
    seconds_to_decision = serializers.IntegerField(allow_null=True, help_text="Median.")
    seconds_to_active = serializers.IntegerField(allow_null=True, help_text="Median, from the submission.")


@extend_schema_serializer(component_name="RegisterShare")
class ShareSerializer(serializers.Serializer[Any]):
    group = serializers.CharField(source="label")
    gpu_seconds = serializers.IntegerField()
    percent = serializers.FloatField()
    floor_percent = serializers.FloatField(allow_null=True)


class DivisionSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    shares = ShareSerializer(many=True)


class StatisticsSerializer(serializers.Serializer[Any]):
    remark = serializers.CharField(help_text=f"{ILLUSTRATIVE} where demonstrations count.")
    quarters = QuarterSerializer(many=True)
    divisions = DivisionSerializer(many=True, help_text="Of what was awarded within a year.")
    people_trained = serializers.IntegerField()


class ProgrammeStatistics(APIView):
    """The programme in figures."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [AnonRateThrottle]

    @extend_schema(operation_id="register_statistics", auth=[], responses=StatisticsSerializer)
    def get(self, request: Request) -> Response:
        figures = statistics.figures()
        told = figures | {"remark": ILLUSTRATIVE if figures["has_demonstrations"] else ""}
        response = Response(StatisticsSerializer(told).data)
        patch_cache_control(response, public=True, max_age=KEPT_SECONDS)
        patch_vary_headers(response, ["Accept-Language", "Cookie"])  # both choose the language
        return response


class Register(JSONOrCSV):
    """The public register of awards."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [AnonRateThrottle]
    filterset_class = RegisterFilters
    queryset = Allocation.objects.none()  # tells the schema what is filtered

    @extend_schema(
        operation_id="register",
        auth=[],
        parameters=[
            OpenApiParameter("format", enum=["json", "csv"], description="Or by the Accept header."),
            OpenApiParameter("page", OpenApiTypes.INT),
            OpenApiParameter("page_size", OpenApiTypes.INT, description="Up to 500. CSV has no pages."),
        ],
        filters=True,
        responses={
            (200, "application/json"): RegisterSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            304: None,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        asked = DjangoFilterBackend().filter_queryset(request, published(), self)
        sums = totals(asked)
        etag = _etag(request, asked, sums)
        response: HttpResponseBase | None = get_conditional_response(request._request, etag=etag)
        if response is None:
            is_csv = request.accepted_renderer.format == "csv"
            response = self._csv(asked) if is_csv else self._json(asked, sums)
        response["ETag"] = etag
        patch_cache_control(response, public=True, max_age=KEPT_SECONDS)
        patch_vary_headers(response, ["Accept", "Accept-Language", "Cookie"])
        return response

    def get_queryset(self) -> QuerySet[Allocation]:
        return self.queryset

    def _json(self, asked: QuerySet[Allocation], sums: Totals) -> Response:
        pages = Pages()
        rows = [
            entry.shown() for entry in entries(pages.paginate_queryset(asked, self.request, view=self) or [])
        ]
        return Response(
            {
                "count": sums.awards,
                "next": pages.get_next_link(),
                "previous": pages.get_previous_link(),
                "totals": {
                    "awards": sums.awards,
                    "granted_gpu_hours": float(seconds_to_hours(sums.granted)),
                    "used_gpu_hours": float(seconds_to_hours(sums.used)),
                    "returned_gpu_hours": float(seconds_to_hours(sums.returned)),
                },
                "remark": ILLUSTRATIVE if any(row["remark"] for row in rows) else "",
                "results": rows,
            }
        )

    def _csv(self, asked: QuerySet[Allocation]) -> StreamingHttpResponse:
        return StreamingHttpResponse(
            csv_lines(COLUMNS, streamed(asked)),
            content_type="text/csv; charset=utf-8; header=present",
            headers={"Content-Disposition": 'attachment; filename="award-register.csv"'},
        )


def _etag(request: Request, asked: QuerySet[Allocation], sums: Totals) -> str:
    """Weak: the same until a figure changes, or a word in it.

    The moments of all changes are summed: by the latest alone, one that was begun before it and committed
    after it would go unnoticed.
    """
    changed = asked.order_by().aggregate(
        **{f"changed_{number}": Sum(_moment(path)) for number, path in enumerate(TOLD)}
    )
    told = f"{request.get_full_path()} {request.accepted_renderer.format} {sums} {changed}"
    return f'W/"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


def _moment(path: str) -> Extract:
    return Extract(path, "epoch", output_field=DecimalField())
