"""Requests as the API shows and takes them."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from allocations.programme.api.deciding_serializers import ClockSerializer, SiteConsentSerializer
from allocations.programme.api.writing_serializers import ContentSerializer
from allocations.programme.models import AllocationRequest, Decision, DecisionLine, WaitingEntry
from allocations.programme.policies import actions_for, words_for
from allocations.programme.standing import clock_of
from portal.foundation.units import seconds_to_hours


class GpuHours(serializers.DecimalField):
    """GPU-hours with up to two decimals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=11, decimal_places=2, min_value=Decimal("0.01"), **options)


class DecisionLineSerializer(serializers.ModelSerializer[DecisionLine]):
    """`waiting_gpu_seconds` of what was granted weren't free and went on the waiting list."""

    resource = serializers.CharField(source="resource.code")
    award = serializers.SlugRelatedField(slug_field="code", read_only=True)  # type: ignore[var-annotated]
    allocation = serializers.SerializerMethodField()
    waiting_entry = serializers.SerializerMethodField()

    class Meta:
        model = DecisionLine
        fields = [
            "resource",
            "gpu_seconds",
            "waiting_gpu_seconds",
            "waiting_entry",
            "starts_on",
            "ends_on",
            "award",
            "allocation",
        ]
        read_only_fields = fields

    def get_allocation(self, line: DecisionLine) -> str | None:
        """Code of the allocation that the award feeds."""
        return line.award.allocation.code if line.award else None

    def get_waiting_entry(self, line: DecisionLine) -> str | None:
        """Code of the place, while it is waited at."""
        entry = getattr(line, "waiting", None)
        return entry.code if entry and entry.state == WaitingEntry.State.WAITING else None


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """One person's word, or the rule's (`decided_by` null), and what it grants."""

    decided_by = serializers.CharField(source="decided_by.name", allow_null=True)
    on_behalf_of = serializers.CharField(source="on_behalf_of.name", allow_null=True)
    gpu_seconds = serializers.SerializerMethodField()
    lines = DecisionLineSerializer(many=True)

    class Meta:
        model = Decision
        fields = [
            "round",
            "outcome",
            "decided_by",
            "on_behalf_of",
            "gpu_seconds",
            "reason_code",
            "reason",
            "remedy",
            "conditions",
            "override_reason",
            "lines",
            "created_at",
        ]
        read_only_fields = fields

    def get_gpu_seconds(self, decision: Decision) -> int | None:
        """What was granted, all lines together; null where nothing was."""
        return sum(line.gpu_seconds for line in decision.lines.all()) or None


class RequestSerializer(serializers.ModelSerializer[AllocationRequest]):
    project = serializers.CharField(source="project.code")
    organisation = serializers.CharField(source="project.organisation.code")
    requested_by = serializers.CharField(source="requested_by.name")
    resource = serializers.SerializerMethodField()
    gpu_seconds = serializers.SerializerMethodField()
    gpu_hours = serializers.SerializerMethodField()
    track = serializers.CharField(source="track_version.track.code", allow_null=True, default=None)
    decisions = serializers.SerializerMethodField()

    class Meta:
        model = AllocationRequest
        fields = [
            "code",
            "project",
            "organisation",
            "requested_by",
            "state",
            "round",
            "track",
            "resource",
            "gpu_seconds",
            "gpu_hours",
            "starts_on",
            "ends_on",
            "justification",
            "submitted_at",
            "decided_at",
            "decisions",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    @extend_schema_field(DecisionSerializer(many=True))
    def get_decisions(self, request: AllocationRequest) -> list[dict[str, Any]]:
        """Until it is decided, approvals are for those who deal with the request."""
        words = words_for(self.context["request"].user, request)
        return list(DecisionSerializer(words, many=True).data)

    def get_resource(self, request: AllocationRequest) -> str | None:
        line = next(iter(request.lines.all()), None)
        return line.resource.code if line and line.resource else None

    def get_gpu_seconds(self, request: AllocationRequest) -> int | None:
        """All lines together; null where none says how much yet."""
        return request.gpu_seconds or None

    def get_gpu_hours(self, request: AllocationRequest) -> float | None:
        seconds = self.get_gpu_seconds(request)
        return float(seconds_to_hours(seconds)) if seconds else None


class RequestDetailSerializer(RequestSerializer, ContentSerializer):
    """One request, with all that it says and what the viewer may do to it now."""

    actions = serializers.SerializerMethodField()
    clock = serializers.SerializerMethodField()
    consents = SiteConsentSerializer(many=True, read_only=True)

    class Meta(RequestSerializer.Meta):
        fields = [
            *RequestSerializer.Meta.fields,
            *ContentSerializer.Meta.fields,
            "actions",
            "clock",
            "consents",
        ]

    @extend_schema_field(ClockSerializer(allow_null=True))
    def get_clock(self, request: AllocationRequest) -> dict[str, Any] | None:
        """Null until it is submitted."""
        clock = clock_of(request)
        return ClockSerializer(clock).data if clock else None

    def get_actions(self, request: AllocationRequest) -> list[str]:
        return actions_for(self.context["request"].user, request)


class WithdrawInput(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)
