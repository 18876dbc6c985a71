"""Preflights as the API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from scheduler_bridge.models import PreflightRun, SlurmConfigReport
from scheduler_bridge.sites.preflight import selectors
from scheduler_bridge.sites.preflight.lines import Result, Who


class PreflightLineSerializer(serializers.Serializer[Any]):
    """`found` and `remedy` are in the language of the request; `check`, `code` and `params` never change."""

    check = serializers.CharField()
    code = serializers.CharField()
    params = serializers.DictField()
    result = serializers.ChoiceField(choices=Result.choices)
    hard = serializers.BooleanField()
    title = serializers.CharField()
    found = serializers.CharField()
    remedy = serializers.CharField(allow_blank=True)
    who = serializers.ChoiceField(choices=Who.choices)


class PreflightSerializer(serializers.ModelSerializer[PreflightRun]):
    """`may_serve`: no hard check failed. `ledger_only_for`: why Slurm itself doesn't stop over-use."""

    site = serializers.CharField(source="cluster.site.code")
    requested_by = serializers.CharField(source="requested_by.code", default=None)
    lines = serializers.SerializerMethodField()
    ledger_only_for = serializers.SerializerMethodField()

    class Meta:
        model = PreflightRun
        fields = [
            "code", "site", "state", "requested_by", "created_at", "finished_at", "release", "versions",
            "verdict", "ledger_only_for", "may_serve", "lines",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(PreflightLineSerializer(many=True))
    def get_lines(self, run: PreflightRun) -> list[dict[str, Any]]:
        return selectors.told(run)

    def get_ledger_only_for(self, run: PreflightRun) -> list[str]:
        return [str(title) for title in selectors.why_ledger_only(run)]


class SlurmConfigSerializer(serializers.ModelSerializer[SlurmConfigReport]):
    reported_by = serializers.CharField(source="reported_by.code")

    class Meta:
        model = SlurmConfigReport
        fields = ["settings", "reported_by", "reported_at"]
        read_only_fields = fields


class SlurmConfigInput(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=100_000, help_text="What `scontrol show config` prints.")


class SwitchOnInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class SwitchedSerializer(serializers.Serializer[Any]):
    site = serializers.CharField(source="site.code")
    is_enabled = serializers.BooleanField()
