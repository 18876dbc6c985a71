"""Quotas and programmes as the API shows them. Amounts are GPU-seconds."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from allocations.awards.quotas.models import Dimension, Quota
from datacenters.models import Resource
from portal.people.models import Organisation, Programme
from portal.people.models.programme import Endorsement


class ShareSerializer(serializers.Serializer[Any]):
    """A quota in one quarter. `kept` is what an enforced floor keeps back from others."""

    quarter = serializers.CharField()
    target = serializers.IntegerField()
    granted = serializers.IntegerField()
    left = serializers.IntegerField()
    kept = serializers.IntegerField()


class QuotaSerializer(serializers.ModelSerializer[Quota]):
    """`resource` null: all together. `shares` are of this quarter and the next three, where it holds."""

    dimension = serializers.ChoiceField(choices=Dimension.choices)
    resource = serializers.CharField(source="resource.code", allow_null=True, default=None)
    set_by = serializers.CharField(source="set_by.name", allow_null=True, default=None)
    shares = serializers.SerializerMethodField()

    class Meta:
        model = Quota
        fields = [
            "code",
            "kind",
            "dimension",
            "value",
            "resource",
            "percent",
            "gpu_seconds",
            "from_quarter",
            "until_quarter",
            "enforced",
            "reason",
            "set_by",
            "created_at",
            "ended_at",
            "illustrative",
            "shares",
        ]
        read_only_fields = fields

    def get_shares(self, quota: Quota) -> list[dict[str, Any]]:
        return ShareSerializer(self.context["shares"].get(quota.pk, []), many=True).data  # type: ignore[return-value]


class AmountInput(serializers.Serializer[Any]):
    """`percent` or `gpu_seconds`, not both."""

    percent = serializers.DecimalField(max_digits=5, decimal_places=2, required=False, allow_null=True)
    gpu_seconds = serializers.IntegerField(min_value=0, max_value=2**53, required=False, allow_null=True)
    from_quarter = serializers.CharField(max_length=6, help_text="Such as 2026Q4.")
    until_quarter = serializers.CharField(max_length=6, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=2000)


class QuotaChange(AmountInput):
    enforced = serializers.BooleanField()


class QuotaInput(AmountInput):
    kind = serializers.ChoiceField(choices=Quota.Kind.choices)
    dimension = serializers.ChoiceField(choices=Dimension.choices)
    value = serializers.CharField(
        max_length=40,
        allow_blank=True,
        default="",
        help_text="Which class, sector, province, organisation or programme; empty for women_led.",
    )
    resource = serializers.SlugRelatedField(
        slug_field="code", queryset=Resource.objects.all(), required=False, allow_null=True
    )
    enforced = serializers.BooleanField(
        required=False, help_text="Left out: caps are enforced, floors only reported."
    )


class QuotaReason(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)


class ProgrammeQuarterSerializer(serializers.Serializer[Any]):
    """`target` null where no quota is set for the programme."""

    quarter = serializers.CharField()
    target = serializers.IntegerField(allow_null=True)
    granted = serializers.IntegerField()


class EndorsementSerializer(serializers.Serializer[Any]):
    """One thing that a programme stands for."""

    code = serializers.CharField()
    kind = serializers.CharField(help_text="organisation or project")
    endorsed = serializers.CharField(help_text="Code of the organisation or project.")
    until = serializers.DateField(allow_null=True)
    endorsed_by = serializers.CharField()
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Endorsement) -> dict[str, Any]:
        return {
            "code": instance.code,
            "kind": instance.endorsed._meta.model_name,
            "endorsed": instance.endorsed.code,
            "until": instance.until,
            "endorsed_by": instance.endorsed_by.name,
            "created_at": instance.created_at,
        }


class ProgrammeSerializer(serializers.ModelSerializer[Programme]):
    """`quarters` are this one and the next three, all resources together."""

    coordinators = serializers.SlugRelatedField(  # type: ignore[var-annotated]
        slug_field="name", many=True, read_only=True
    )
    quarters = serializers.SerializerMethodField()

    class Meta:
        model = Programme
        fields = [
            "code",
            "kind",
            "name_en",
            "name_ur",
            "sector",
            "source",
            "coordinators",
            "closed_at",
            "illustrative",
            "quarters",
        ]
        read_only_fields = fields

    def get_quarters(self, programme: Programme) -> list[dict[str, Any]]:
        shown = self.context["quarters"].get(programme.pk, [])
        return ProgrammeQuarterSerializer(shown, many=True).data  # type: ignore[return-value]


class ProgrammeInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Programme.Kind.choices)
    name_en = serializers.CharField(max_length=120)
    name_ur = serializers.CharField(max_length=120, required=False, allow_blank=True)
    sector = serializers.SlugField(max_length=40, required=False, allow_blank=True)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=500, required=False, allow_blank=True
    )
    illustrative = serializers.BooleanField(required=False)
    coordinators = serializers.ListField(
        child=serializers.EmailField(), required=False, max_length=50, help_text="Addresses of people."
    )


class EndorseInput(serializers.Serializer[Any]):
    """One of `organisation` and `project`, by code."""

    organisation = serializers.SlugRelatedField(
        slug_field="code", queryset=Organisation.objects.all(), required=False
    )
    project = serializers.CharField(max_length=24, required=False)
    until = serializers.DateField(required=False, allow_null=True)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("organisation" in attrs) == ("project" in attrs):
            raise serializers.ValidationError(_("Give one of organisation and project."))
        return attrs


class EndorsementWithdrawal(QuotaReason):
    endorsement = serializers.CharField(max_length=24)
