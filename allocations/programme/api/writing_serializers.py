"""What a request says, as the API shows and takes it."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from allocations.awards.models import Allocation
from allocations.programme import choices
from allocations.programme.models import AllocationRequest, Attachment, Call, RequestLine, RunRow, Track
from allocations.programme.services import Line, Run
from allocations.projects.models import Project
from allocations.projects.selectors import visible_to as visible_projects
from datacenters.models import Resource
from portal.foundation.units import hours_to_seconds, seconds_to_hours


class Hours(serializers.DecimalField):
    """Hours with up to two decimals."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", Decimal("0.01"))
        super().__init__(max_digits=11, decimal_places=2, **options)


class LineSerializer(serializers.ModelSerializer[RequestLine]):
    """A resource, or any suitable one; `by_quarter` is empty where the use is even. GPU-seconds."""

    resource = serializers.CharField(source="resource.code", allow_null=True, default=None)
    gpu_hours = serializers.SerializerMethodField()

    class Meta:
        model = RequestLine
        fields = ["resource", "any_suitable", "gpu_seconds", "gpu_hours", "by_quarter"]
        read_only_fields = fields

    def get_gpu_hours(self, line: RequestLine) -> float | None:
        return float(seconds_to_hours(line.gpu_seconds)) if line.gpu_seconds else None


@extend_schema_serializer(component_name="RequestRun")
class RunSerializer(serializers.ModelSerializer[RunRow]):
    """GPUs × hours × runs."""

    hours = serializers.FloatField()
    gpu_seconds = serializers.IntegerField()

    class Meta:
        model = RunRow
        fields = ["model", "gpus", "hours", "runs", "basis", "gpu_seconds"]
        read_only_fields = fields


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    class Meta:
        model = Attachment
        fields = ["code", "title", "size", "sha256", "anonymous", "created_at"]
        read_only_fields = fields


class ContentSerializer(serializers.ModelSerializer[AllocationRequest]):
    """Everything that was asked for and handed in with it."""

    lines = LineSerializer(many=True)
    runs = RunSerializer(many=True)
    attachments = serializers.SerializerMethodField()
    wanted_track = serializers.CharField(source="wanted_track.code", allow_null=True, default=None)
    call = serializers.CharField(source="call.code", allow_null=True, default=None)
    renews = serializers.CharField(source="renews.code", allow_null=True, default=None)

    class Meta:
        model = AllocationRequest
        fields = [
            "lines",
            "runs",
            "attachments",
            "wanted_track",
            "call",
            "renews",
            "public_abstract",
            "abstract_withheld",
            "withheld_reason",
            "checkpointing",
            "deadline_on",
            "deadline_note",
            "flexible",
            "prior_usage",
            "ai_risk",
            "ai_risk_note",
        ]
        read_only_fields = fields

    def get_attachments(self, request: AllocationRequest) -> list[dict[str, Any]]:
        """What was taken away again isn't among them."""
        there = [attachment for attachment in request.attachments.all() if attachment.removed_at is None]
        return AttachmentSerializer(there, many=True).data  # type: ignore[return-value]


class LineInput(serializers.Serializer[Any]):
    """`by_quarter`: GPU-hours for quarters such as 2027Q1."""

    resource = serializers.SlugRelatedField(
        slug_field="code", queryset=Resource.objects.all(), required=False, allow_null=True
    )
    any_suitable = serializers.BooleanField(required=False)
    gpu_hours = Hours(required=False, allow_null=True)
    by_quarter = serializers.DictField(child=Hours(min_value=Decimal(0)), required=False)


class RunInput(serializers.Serializer[Any]):
    model = serializers.CharField(max_length=160)
    gpus = serializers.IntegerField(min_value=1, max_value=1_000_000)
    hours = Hours()
    runs = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, default=1)
    basis = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class RequestInput(serializers.Serializer[Any]):
    """A draft: only the project must be there. `resource` and `gpu_hours` are one line in short."""

    project = serializers.SlugRelatedField(slug_field="code", queryset=Project.objects.none())
    resource = serializers.SlugRelatedField(
        slug_field="code", queryset=Resource.objects.all(), required=False, allow_null=True
    )
    gpu_hours = Hours(required=False, allow_null=True)
    lines = LineInput(many=True, required=False)
    runs = RunInput(many=True, required=False)
    wanted_track = serializers.SlugRelatedField(
        slug_field="code", queryset=Track.objects.all(), required=False, allow_null=True
    )
    call = serializers.SlugRelatedField(
        slug_field="code", queryset=Call.objects.none(), required=False, allow_null=True
    )
    renews = serializers.SlugRelatedField(
        slug_field="code", queryset=Allocation.objects.none(), required=False, allow_null=True
    )
    starts_on = serializers.DateField(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)
    justification = serializers.CharField(required=False, allow_blank=True, max_length=8000)
    public_abstract = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    abstract_withheld = serializers.BooleanField(required=False)
    withheld_reason = serializers.CharField(required=False, allow_blank=True, max_length=300)
    checkpointing = serializers.ChoiceField(
        choices=AllocationRequest.Checkpointing.choices, required=False, allow_blank=True
    )
    deadline_on = serializers.DateField(required=False, allow_null=True)
    deadline_note = serializers.CharField(required=False, allow_blank=True, max_length=300)
    flexible = serializers.BooleanField(required=False)
    prior_usage = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    ai_risk = serializers.ChoiceField(
        choices=AllocationRequest.Risk.choices, required=False, allow_blank=True
    )
    ai_risk_note = serializers.CharField(required=False, allow_blank=True, max_length=4000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if request := self.context.get("request"):
            fields: Any = self.fields
            fields["project"].queryset = visible_projects(request.user)
            fields["call"].queryset = choices.open_calls()
            fields["renews"].queryset = choices.renewable_by(request.user)

    def typed(self) -> dict[str, Any]:
        """What was sent, as the services take it."""
        data = dict(self.validated_data)
        if "gpu_hours" in data:
            data["gpu_seconds"] = _seconds(data.pop("gpu_hours"))
        if "lines" in data:
            data["lines"] = [_line(line) for line in data["lines"]]
            data.pop("resource", None)
            data.pop("gpu_seconds", None)
        if "runs" in data:
            data["runs"] = [Run(**run) for run in data["runs"]]
        return data


class SubmitInput(serializers.Serializer[Any]):
    """`consent`: to the terms of acceptable use in force; needed once a version."""

    consent = serializers.BooleanField(required=False)


class AttachmentInput(serializers.Serializer[Any]):
    """A PDF of at most 10 MB. `anonymous`: it names nobody, so blind reviewers may read it."""

    file = serializers.FileField(help_text="multipart/form-data")
    title = serializers.CharField(required=False, allow_blank=True, max_length=160, default="")
    anonymous = serializers.BooleanField(required=False, default=False)


def _line(sent: dict[str, Any]) -> Line:
    return Line(
        resource=sent.get("resource"),
        any_suitable=sent.get("any_suitable", False),
        gpu_seconds=_seconds(sent.get("gpu_hours")),
        by_quarter={
            quarter: hours_to_seconds(hours) for quarter, hours in sent.get("by_quarter", {}).items()
        },
    )


def _seconds(hours: Decimal | None) -> int | None:
    return None if hours is None else hours_to_seconds(hours)
