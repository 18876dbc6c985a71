"""Reclamation over the API: cases, exemptions, rules and the dry run."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED

from allocations.lifecycle.models.reclaim import (
    ReclaimCase,
    ReclaimExemption,
    ReclaimRule,
    ReclaimRuleVersion,
)
from allocations.lifecycle.reclaim_plan import findings
from allocations.lifecycle.reclaim_selectors import ReclaimCaseFilters, cases_visible_to, rules_visible_to
from allocations.lifecycle.services import reclaim_exemptions, reclaim_rules
from allocations.programme.models import Track
from datacenters.models import Resource
from portal.foundation.api import ScopedViewSet
from portal.foundation.policies import require


class ExemptionSerializer(serializers.ModelSerializer[ReclaimExemption]):
    asked_by = serializers.CharField(source="asked_by.name")
    decided_by = serializers.CharField(source="decided_by.name", default=None, allow_null=True)

    class Meta:
        model = ReclaimExemption
        fields = ["code", "state", "reason", "asked_by", "created_at", "answer", "decided_by", "decided_at"]
        read_only_fields = fields


class ReclaimVersionSerializer(serializers.ModelSerializer[ReclaimRuleVersion]):
    track = serializers.SlugRelatedField(
        slug_field="code", queryset=Track.objects.all(), allow_null=True, required=False
    )
    resource = serializers.SlugRelatedField(
        slug_field="code", queryset=Resource.objects.all(), allow_null=True, required=False
    )

    class Meta:
        model = ReclaimRuleVersion
        fields = [
            "number",
            "track",
            "resource",
            "check_percent",
            "used_below_percent",
            "take_percent",
            "first_warning_days",
            "second_warning_days",
            "min_age_days",
            "enforced",
            "note",
            "created_at",
        ]
        read_only_fields = ["number", "created_at"]


class RuleSerializer(serializers.ModelSerializer[ReclaimRule]):
    versions = ReclaimVersionSerializer(
        many=True, read_only=True, help_text="The latest first; it is in force."
    )

    class Meta:
        model = ReclaimRule
        fields = ["code", "name_en", "name_ur", "versions"]
        read_only_fields = fields


class NewRuleSerializer(ReclaimVersionSerializer):
    name_en = serializers.CharField(max_length=120)
    name_ur = serializers.CharField(max_length=120)

    class Meta(ReclaimVersionSerializer.Meta):
        fields = ["name_en", "name_ur", *ReclaimVersionSerializer.Meta.fields]


class CaseSerializer(serializers.ModelSerializer[ReclaimCase]):
    allocation = serializers.CharField(source="allocation.code")
    project = serializers.CharField(source="allocation.project.code")
    resource = serializers.CharField(source="allocation.resource.code")
    rule = serializers.CharField(source="rule.code")
    version = serializers.IntegerField(source="version.number")
    exemption = ExemptionSerializer(default=None, allow_null=True)

    class Meta:
        model = ReclaimCase
        fields = [
            "code",
            "state",
            "allocation",
            "project",
            "resource",
            "rule",
            "version",
            "created_at",
            "warned_again_at",
            "due_at",
            "ended_at",
            "taken_gpu_seconds",
            "exemption",
        ]
        read_only_fields = fields


class FindingSerializer(serializers.Serializer[Any]):
    """What a rule finds of an allocation now. Amounts are GPU-seconds; held counts as used."""

    allocation = serializers.CharField(source="allocation.code")
    rule = serializers.CharField(source="version.rule.code")
    version = serializers.IntegerField(source="version.number")
    enforced = serializers.BooleanField(source="version.enforced")
    case = serializers.CharField(source="case.code", default=None, allow_null=True)
    step = serializers.ChoiceField(choices=["warn", "warn_again", "take", "cure", "drop"])
    base = serializers.IntegerField(help_text="Granted and not returned.")
    spent = serializers.IntegerField(source="balances.spent")
    held = serializers.IntegerField(source="balances.held")
    used_percent = serializers.FloatField()
    would_take = serializers.IntegerField()
    check_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    outage_seconds = serializers.IntegerField(source="out_seconds")


@extend_schema_serializer(component_name="ReclaimReason")
class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)


class AnswerSerializer(serializers.Serializer[Any]):
    answer = serializers.CharField(max_length=2000, allow_blank=True, default="")


class ReclaimCaseViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """Allocations that a rule of reclamation caught."""

    selector = cases_visible_to
    serializer_class = CaseSerializer
    filterset_class = ReclaimCaseFilters
    queryset = ReclaimCase.objects.none()

    @extend_schema(request=ReasonSerializer, responses=CaseSerializer)
    @action(detail=True, methods=["post"], url_path="exemption")
    def exemption(self, request: Request, code: str) -> Response:
        """Ask to keep the hours. For who leads the project."""
        return self._step(reclaim_exemptions.exemption_ask, ReasonSerializer)

    @extend_schema(request=AnswerSerializer, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def grant(self, request: Request, code: str) -> Response:
        """Grant the exemption. For admins without an interest."""
        return self._step(reclaim_exemptions.exemption_grant, AnswerSerializer)

    @extend_schema(request=AnswerSerializer, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, code: str) -> Response:
        """Refuse it, with an answer. For admins without an interest."""
        return self._step(reclaim_exemptions.exemption_refuse, AnswerSerializer)

    def _step(self, service: Callable[..., Any], kind: type[serializers.Serializer[Any]]) -> Response:
        case = self.get_object()
        told = kind(data=self.request.data)
        told.is_valid(raise_exception=True)
        service(actor=self.request.user, case=case, **told.validated_data)
        return Response(self.get_serializer(self.get_object()).data)


class ReclaimRuleViewSet(ListModelMixin, RetrieveModelMixin, ScopedViewSet):
    """The rules of reclamation, with all their versions. For admins and the council."""

    selector = rules_visible_to
    serializer_class = RuleSerializer
    queryset = ReclaimRule.objects.none()

    @extend_schema(request=NewRuleSerializer, responses={201: RuleSerializer})
    def create(self, request: Request) -> Response:
        """Add a rule. For admins."""
        require(request.user, "lifecycle.edit_reclaim_rules")
        told = NewRuleSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        rule = reclaim_rules.reclaim_rule_create(actor=request.user, **told.validated_data)  # type: ignore[arg-type]
        return Response(self._shown(rule), status=HTTP_201_CREATED)

    @extend_schema(request=ReclaimVersionSerializer, responses=RuleSerializer)
    @action(detail=True, methods=["post"])
    def revise(self, request: Request, code: str) -> Response:
        """What the rule says from now on, in full. For admins."""
        rule = self.get_object()
        require(request.user, "lifecycle.edit_reclaim_rules")
        told = ReclaimVersionSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        reclaim_rules.reclaim_rule_revise(actor=request.user, rule=rule, **told.validated_data)  # type: ignore[arg-type]
        return Response(self._shown(rule))

    @extend_schema(responses=FindingSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], url_path="dry-run")
    def dry_run(self, request: Request) -> Response:
        """What the rules would do now, enforced or not. It changes nothing."""
        require(request.user, "lifecycle.see_reclaim")
        found = [finding for finding in findings() if finding.step]
        page = self.paginate_queryset(found)  # type: ignore[arg-type]
        return self.get_paginated_response(FindingSerializer(page, many=True).data)

    def _shown(self, rule: ReclaimRule) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=rule.pk)).data
