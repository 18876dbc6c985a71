"""Calls as the API shows and takes them."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from allocations.programme.models import Call, CallBudget, CallDocument, Decision, Rubric, Track
from allocations.programme.models.call import CallState
from allocations.programme.results import results_of
from datacenters.models import Resource


class CallDocumentSerializer(serializers.ModelSerializer[CallDocument]):
    class Meta:
        model = CallDocument
        fields = ["code", "title", "size"]
        read_only_fields = fields


class CallBudgetSerializer(serializers.ModelSerializer[CallBudget]):
    resource = serializers.CharField(source="resource.code")

    class Meta:
        model = CallBudget
        fields = ["resource", "gpu_seconds"]
        read_only_fields = fields


class CallSerializer(serializers.ModelSerializer[Call]):
    track = serializers.CharField(source="track.code")
    rubric = serializers.CharField(source="rubric.code", allow_null=True, default=None)
    state = serializers.ChoiceField(choices=CallState.choices)
    documents = CallDocumentSerializer(many=True)
    budgets = CallBudgetSerializer(many=True)

    class Meta:
        model = Call
        fields = [
            "code",
            "track",
            "title_en",
            "title_ur",
            "text_en",
            "text_ur",
            "state",
            "opens_at",
            "closes_at",
            "decided_by_on",
            "rubric",
            "documents",
            "budgets",
            "published_at",
            "results_at",
            "illustrative",
        ]
        read_only_fields = fields


class ResultSerializer(serializers.Serializer[Any]):
    organisation = serializers.CharField()
    title = serializers.CharField(allow_null=True, help_text="Null where it is withheld.")
    outcome = serializers.CharField()
    reason_code = serializers.CharField()
    gpu_seconds = serializers.IntegerField()


class ResultsSerializer(serializers.Serializer[Any]):
    granted = ResultSerializer(many=True)
    declined = serializers.IntegerField()


class CallDetailSerializer(CallSerializer):
    """One call, with its results once they are published. No person is named."""

    results = serializers.SerializerMethodField()

    class Meta(CallSerializer.Meta):
        fields = [*CallSerializer.Meta.fields, "results"]
        read_only_fields = fields

    @extend_schema_field(ResultsSerializer(allow_null=True))
    def get_results(self, call: Call) -> dict[str, Any] | None:
        found = results_of(call)
        return ResultsSerializer(found).data if found else None


class CallInput(serializers.ModelSerializer[Call]):
    track = serializers.SlugRelatedField(  # type: ignore[var-annotated]
        slug_field="code", queryset=Track.objects.all()
    )
    rubric = serializers.SlugRelatedField(  # type: ignore[var-annotated]
        slug_field="code", queryset=Rubric.objects.all(), required=False, allow_null=True
    )

    class Meta:
        model = Call
        fields = [
            "track",
            "title_en",
            "title_ur",
            "text_en",
            "text_ur",
            "opens_at",
            "closes_at",
            "decided_by_on",
            "rubric",
        ]


class CallDocumentInput(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")
    file = serializers.FileField()


class CallBudgetInput(serializers.Serializer[Any]):
    resource = serializers.SlugRelatedField(  # type: ignore[var-annotated]
        slug_field="code", queryset=Resource.objects.all()
    )
    gpu_seconds = serializers.IntegerField(min_value=0, help_text="0: no bound.")


class CallRowInput(serializers.Serializer[Any]):
    """One request's decision; without `gpu_hours` it is granted as it was asked for."""

    request = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices)
    gpu_hours = serializers.DecimalField(
        max_digits=11, decimal_places=2, min_value=Decimal("0.01"), required=False, allow_null=True
    )
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")


class CallDecideInput(serializers.Serializer[Any]):
    rows = CallRowInput(many=True, allow_empty=False, max_length=100)  # type: ignore[call-arg]


class OutcomeSerializer(serializers.Serializer[Any]):
    """How one row went; without an error it is decided."""

    request = serializers.CharField(source="code")
    field = serializers.CharField(source="error.field", allow_null=True, default=None)
    error = serializers.CharField(source="error.code", allow_null=True, default=None)
    detail = serializers.CharField(source="error.text", allow_null=True, default=None)
