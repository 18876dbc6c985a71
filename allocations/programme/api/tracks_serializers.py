"""Tracks and rubrics as the API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from allocations.programme.models import Criterion, Rubric, Track, TrackStep, TrackVersion
from allocations.programme.services.tracks import RULES
from portal.people.models import Organisation, ProgrammeRole

ROLES = [TrackStep.SITE, *ProgrammeRole.Role.values]
NULLABLE = (
    "max_gpu_seconds",
    "max_gpus",
    "rule_gpu_seconds",
    "target_minutes",
    "target_days",
    "progress_every_days",
)


@extend_schema_serializer(component_name="RubricCriterion")
class CriterionSerializer(serializers.ModelSerializer[Criterion]):
    class Meta:
        model = Criterion
        fields = ["code", "name_en", "name_ur", "help_en", "help_ur", "weight"]
        extra_kwargs = {
            "name_ur": {"required": False, "allow_blank": True},
            "weight": {"min_value": 1, "max_value": 100},
        }


class RubricSerializer(serializers.ModelSerializer[Rubric]):
    """The weights add up to 100. A rubric never changes."""

    criteria = CriterionSerializer(many=True)

    class Meta:
        model = Rubric
        fields = ["code", "name_en", "name_ur", "criteria", "created_at"]
        read_only_fields = ["code", "created_at"]
        extra_kwargs = {"name_ur": {"required": False, "allow_blank": True}}


class TrackStepSerializer(serializers.ModelSerializer[TrackStep]):
    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES), required=False)

    class Meta:
        model = TrackStep
        fields = ["kind", "by", "roles", "persons", "working_days", "silence_consents"]
        extra_kwargs = {"persons": {"min_value": 1}}


class TrackVersionSerializer(serializers.ModelSerializer[TrackVersion]):
    """Rules and steps as they were set once. Who set them is a role, not a person."""

    rubric = serializers.CharField(source="rubric.code", allow_null=True, default=None)
    steps = TrackStepSerializer(many=True)
    made_by = serializers.SerializerMethodField()

    class Meta:
        model = TrackVersion
        fields = ["number", *RULES, "rubric", "steps", "note", "made_by", "created_at"]
        read_only_fields = fields

    def get_made_by(self, version: TrackVersion) -> str:
        """`admin` or `installation`."""
        return "admin" if version.made_by_id else "installation"


class TrackSerializer(serializers.ModelSerializer[Track]):
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Track
        fields = ["code", "name_en", "name_ur", "summary_en", "summary_ur", "position", "is_open", "in_force"]
        read_only_fields = fields

    @extend_schema_field(TrackVersionSerializer(allow_null=True))
    def get_in_force(self, track: Track) -> dict[str, Any] | None:
        version = next(iter(track.versions.all()), None)
        return TrackVersionSerializer(version).data if version else None


class TrackChangeInput(serializers.ModelSerializer[TrackVersion]):
    """A whole version: a rule that is left out has its default. Amounts are GPU-seconds."""

    organisation_kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=Organisation.Kind.choices), required=False
    )
    rubric = serializers.SlugRelatedField(  # type: ignore[var-annotated]
        slug_field="code", queryset=Rubric.objects.all(), required=False, allow_null=True
    )
    steps = TrackStepSerializer(many=True)
    note = serializers.CharField(max_length=2000)
    after = serializers.IntegerField(
        required=False, help_text="The version that you changed; refused where a later one is in force."
    )

    class Meta:
        model = TrackVersion
        fields = [*RULES, "rubric", "steps", "note", "after"]
        extra_kwargs = {name: {"min_value": 1} for name in NULLABLE}

    def typed(self) -> dict[str, Any]:
        """As `track_change` takes it."""
        data = dict(self.validated_data)
        rules = {name: data.pop(name) for name in RULES if name in data}
        return {"rules": rules, "rubric": None, **data}


class TrackOpenInput(serializers.Serializer[Any]):
    is_open = serializers.BooleanField()
    reason = serializers.CharField(max_length=2000)
