"""Allocations as the API shows them."""

from typing import Any

from rest_framework import serializers

from allocations.awards.models import Allocation, Award
from portal.foundation.units import seconds_to_hours


class BalancesSerializer(serializers.Serializer[Any]):
    """GPU-seconds. Always: granted + overrun = spent + held + available + returned."""

    granted = serializers.IntegerField()
    spent = serializers.IntegerField()
    held = serializers.IntegerField()
    available = serializers.IntegerField()
    returned = serializers.IntegerField()
    overrun = serializers.IntegerField()


class AwardSerializer(serializers.ModelSerializer[Award]):
    gpu_hours = serializers.SerializerMethodField()
    decided_by = serializers.CharField(
        source="decided_by.name", default=None, allow_null=True, help_text="Null: a track's rule."
    )

    class Meta:
        model = Award
        fields = [
            "code",
            "gpu_seconds",
            "gpu_hours",
            "starts_on",
            "ends_on",
            "decided_by",
            "reason",
            "oversubscribed",
            "created_at",
        ]
        read_only_fields = fields

    def get_gpu_hours(self, award: Award) -> float:
        return float(seconds_to_hours(award.gpu_seconds))


class AllocationSerializer(serializers.ModelSerializer[Allocation]):
    """`balances` come from the view, which asks the ledger once for the whole page."""

    project = serializers.CharField(source="project.code")
    organisation = serializers.CharField(source="project.organisation.code")
    resource = serializers.CharField(source="resource.code")
    site = serializers.CharField(source="resource.site.code")
    balances = serializers.SerializerMethodField()
    awards = AwardSerializer(many=True)

    class Meta:
        model = Allocation
        fields = [
            "code",
            "project",
            "organisation",
            "resource",
            "site",
            "state",
            "starts_on",
            "ends_on",
            "activated_at",
            "balances",
            "awards",
            "created_at",
        ]
        read_only_fields = fields

    def get_balances(self, allocation: Allocation) -> dict[str, int]:
        return BalancesSerializer(self.context["balances"][allocation.code]).data


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)


class AdjustSerializer(serializers.Serializer[Any]):
    gpu_hours = serializers.DecimalField(
        max_digits=14, decimal_places=2, help_text="To add; negative: to take back."
    )
    reason = serializers.CharField(max_length=2000)
