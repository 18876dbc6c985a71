"""Changes, reports and appeals as the API shows and takes them."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from allocations.awards.models import Allocation
from allocations.awards.selectors import visible_to as visible_allocations
from allocations.lifecycle.models import (
    AllocationReport,
    Appeal,
    AppealDecision,
    ChangeDecision,
    ChangeRequest,
    ReportAnswer,
)
from allocations.lifecycle.policies import actions_for, words_for
from allocations.lifecycle.selectors import changes_visible_to
from allocations.lifecycle.services.changes import VERBS
from allocations.programme.api.serializers import GpuHours
from allocations.programme.models import AllocationRequest
from allocations.programme.selectors import visible_to as visible_requests
from portal.foundation.units import hours_to_seconds


class Acting(serializers.Serializer[Any]):
    """Adds what the caller may do now."""

    actions = serializers.SerializerMethodField()

    def get_actions(self, thing: Any) -> list[str]:
        return actions_for(self.context["request"].user, thing)


class SaidSerializer(serializers.Serializer[Any]):
    """One person's word; `decided_by` is null where a rule decided."""

    decided_by = serializers.SerializerMethodField()
    outcome = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_decided_by(self, word: Any) -> str | None:
        return word.decided_by.name if word.decided_by else None


class ChangeSerializer(serializers.ModelSerializer[ChangeRequest]):
    allocation = serializers.CharField(source="allocation.code")
    project = serializers.CharField(source="allocation.project.code")
    target = serializers.SerializerMethodField()
    requested_by = serializers.CharField(source="requested_by.name")
    decisions = SaidSerializer(many=True)

    class Meta:
        model = ChangeRequest
        fields = [
            "code",
            "allocation",
            "project",
            "kind",
            "state",
            "gpu_seconds",
            "ended_on",
            "ends_on",
            "target",
            "reason",
            "persons",
            "round",
            "beyond_rule",
            "requested_by",
            "decided_at",
            "decisions",
            "created_at",
        ]
        read_only_fields = fields

    def get_target(self, change: ChangeRequest) -> str | None:
        """Code of the allocation that a transfer goes to."""
        return change.target.code if change.target else None


class ChangeDetailSerializer(Acting, ChangeSerializer):
    """One change, with what the viewer may do to it now."""

    class Meta(ChangeSerializer.Meta):
        fields = [*ChangeSerializer.Meta.fields, "actions"]


class ChangeInput(serializers.Serializer[Any]):
    """`more` and `give_back` take `gpu_hours`, `longer` takes `ends_on`, `move` `gpu_hours` and `target`."""

    allocation = serializers.SlugRelatedField(slug_field="code", queryset=Allocation.objects.none())
    verb = serializers.ChoiceField(choices=VERBS)
    gpu_hours = GpuHours(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)
    target = serializers.SlugRelatedField(
        slug_field="code", queryset=Allocation.objects.none(), required=False, allow_null=True
    )
    reason = serializers.CharField(max_length=4000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if request := self.context.get("request"):
            for name in ("allocation", "target"):
                field: Any = self.fields[name]
                field.queryset = visible_allocations(request.user)

    def typed(self) -> dict[str, Any]:
        """What was sent, as the service takes it."""
        data = dict(self.validated_data)
        hours = data.pop("gpu_hours", None)
        return {**data, "gpu_seconds": None if hours is None else hours_to_seconds(hours)}


class ChangeDecisionInput(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=ChangeDecision.Outcome.choices)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=4000)


class AllocationReportSerializer(serializers.ModelSerializer[AllocationReport]):
    allocation = serializers.CharField(source="allocation.code")
    project = serializers.CharField(source="allocation.project.code")
    submitted_by = serializers.SerializerMethodField()
    answers = SaidSerializer(many=True)

    class Meta:
        model = AllocationReport
        fields = [
            "code",
            "allocation",
            "project",
            "kind",
            "state",
            "due_on",
            "is_overdue",
            "results",
            "publications",
            "difficulties",
            "plans",
            "people_trained",
            "submitted_by",
            "submitted_at",
            "answers",
            "created_at",
        ]
        read_only_fields = fields

    def get_submitted_by(self, report: AllocationReport) -> str | None:
        return report.submitted_by.name if report.submitted_by else None


class AllocationReportDetailSerializer(Acting, AllocationReportSerializer):
    """One report, with what the viewer may do to it now."""

    class Meta(AllocationReportSerializer.Meta):
        fields = [*AllocationReportSerializer.Meta.fields, "actions"]


class ReportInput(serializers.Serializer[Any]):
    """What is sent is kept; with `submit` the report is handed in, which needs results."""

    results = serializers.CharField(required=False, allow_blank=True, max_length=8000)
    publications = serializers.CharField(required=False, allow_blank=True, max_length=8000)
    difficulties = serializers.CharField(required=False, allow_blank=True, max_length=8000)
    plans = serializers.CharField(required=False, allow_blank=True, max_length=8000)
    people_trained = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=1_000_000
    )
    submit = serializers.BooleanField(required=False)


class ReportAnswerInput(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=ReportAnswer.Outcome.choices)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=4000)


class AppealSerializer(serializers.ModelSerializer[Appeal]):
    request = serializers.SerializerMethodField()
    change = serializers.SerializerMethodField()
    filed_by = serializers.CharField(source="filed_by.name")
    decisions = serializers.SerializerMethodField()

    class Meta:
        model = Appeal
        fields = [
            "code",
            "request",
            "change",
            "round",
            "state",
            "grounds",
            "persons",
            "filed_by",
            "decided_at",
            "decisions",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(SaidSerializer(many=True))
    def get_decisions(self, appeal: Appeal) -> list[dict[str, Any]]:
        """Until it is decided, only for those who may decide it."""
        return list(SaidSerializer(words_for(self.context["request"].user, appeal), many=True).data)

    def get_request(self, appeal: Appeal) -> str | None:
        return appeal.request.code if appeal.request else None

    def get_change(self, appeal: Appeal) -> str | None:
        return appeal.change.code if appeal.change else None


class AppealDetailSerializer(Acting, AppealSerializer):
    """One appeal, with what the viewer may do to it now."""

    class Meta(AppealSerializer.Meta):
        fields = [*AppealSerializer.Meta.fields, "actions"]


class AppealInput(serializers.Serializer[Any]):
    """Against a request or a change: one of the two."""

    request = serializers.SlugRelatedField(
        slug_field="code", queryset=AllocationRequest.objects.none(), required=False
    )
    change = serializers.SlugRelatedField(
        slug_field="code", queryset=ChangeRequest.objects.none(), required=False
    )
    grounds = serializers.CharField(max_length=8000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if request := self.context.get("request"):
            fields: Any = self.fields
            fields["request"].queryset = visible_requests(request.user)
            fields["change"].queryset = changes_visible_to(request.user)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("request" in data) == ("change" in data):
            raise serializers.ValidationError({"request": _("Name a request or a change, one of the two.")})
        return data


class AppealDecisionInput(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=AppealDecision.Outcome.choices)
    reason = serializers.CharField(max_length=4000)
