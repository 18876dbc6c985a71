"""Jobs as the API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from allocations.awards.models import Allocation
from allocations.awards.selectors import visible_to as visible_allocations
from portal.foundation.policies import allowed
from portal.foundation.units import seconds_to_hours
from scheduler_bridge.jobs.reasons import explain
from scheduler_bridge.jobs.sizing import size_for
from scheduler_bridge.models import DispatchAttempt, Job, JobRun
from scheduler_bridge.placement.rules import Size

MOST = 2**31 - 1  # of the columns


class AttemptSerializer(serializers.ModelSerializer[DispatchAttempt]):
    """One POST to the site, on record before it was sent."""

    class Meta:
        model = DispatchAttempt
        fields = [
            "code",
            "login",
            "slurm_account",
            "token_expires_at",
            "outcome",
            "answered_at",
            "slurm_job_id",
            "answer",
            "created_at",
        ]
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[JobRun]):
    """One run as the cluster's accounting has it; `charged` is null until it has ended."""

    charged_gpu_seconds = serializers.IntegerField(source="charged")

    class Meta:
        model = JobRun
        fields = [
            "slurm_job_id",
            "state",
            "login",
            "submitted_at",
            "started_at",
            "ended_at",
            "elapsed_seconds",
            "gpus",
            "charged_gpu_seconds",
        ]
        read_only_fields = fields


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a job waits, was refused or failed: in plain words, what to do, and Slurm's own words."""

    text = serializers.CharField()
    remedy = serializers.CharField()
    slurm = serializers.CharField(source="words")


class JobSerializer(serializers.ModelSerializer[Job]):
    """Amounts in GPU-seconds; wall time in minutes; memory in MB on each node; times UTC."""

    project = serializers.CharField(source="allocation.project.code")
    allocation = serializers.CharField(source="allocation.code")
    resource = serializers.CharField(source="allocation.resource.code")
    site = serializers.CharField(source="allocation.resource.site.code")
    is_sandbox = serializers.BooleanField(source="cluster.is_sandbox")
    submitted_by = serializers.CharField(source="submitted_by.name")
    most_gpu_seconds = serializers.IntegerField()
    held_gpu_seconds = serializers.IntegerField(source="held")
    charged_gpu_seconds = serializers.IntegerField(source="charged")
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            "code",
            "title",
            "state",
            "reason",
            "project",
            "allocation",
            "resource",
            "site",
            "is_sandbox",
            "submitted_by",
            "gpus",
            "cpus",
            "memory_mb",
            "wall_minutes",
            "most_gpu_seconds",
            "held_gpu_seconds",
            "charged_gpu_seconds",
            "login",
            "slurm_name",
            "slurm_job_id",
            "slurm_account",
            "created_at",
            "approved_at",
            "queued_at",
            "started_at",
            "ended_at",
            "cancel_requested_at",
            "exit_code",
        ]
        read_only_fields = fields

    @extend_schema_field(ReasonSerializer(allow_null=True))
    def get_reason(self, job: Job) -> dict[str, Any] | None:
        reason = explain(job.reason)
        return ReasonSerializer(reason).data if reason else None


class JobDetailSerializer(JobSerializer):
    """One job with its attempts and runs; `script` is null for who may not read it."""

    script = serializers.SerializerMethodField()
    attempts = AttemptSerializer(many=True)
    runs = RunSerializer(many=True)

    class Meta(JobSerializer.Meta):
        fields = [*JobSerializer.Meta.fields, "script", "attempts", "runs"]

    def get_script(self, job: Job) -> str | None:
        return job.script if allowed(self.context["request"].user, "bridge.read_script", job) else None


class SizeInput(serializers.Serializer[Any]):
    """`cpus` and `memory_mb` (on each node), where left out, become the share of the GPUs."""

    allocation = serializers.SlugRelatedField(slug_field="code", queryset=Allocation.objects.none())
    gpus = serializers.IntegerField(min_value=1, max_value=MOST)
    cpus = serializers.IntegerField(min_value=1, max_value=MOST, required=False)
    memory_mb = serializers.IntegerField(min_value=1, max_value=MOST, required=False)
    wall_minutes = serializers.IntegerField(min_value=1, max_value=MOST)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if request := self.context.get("request"):
            fields: Any = self.fields
            fields["allocation"].queryset = visible_allocations(request.user).select_related(
                "resource__cluster", "resource__site", "project__organisation"
            )

    @property
    def size(self) -> Size:
        data = self.validated_data
        names = ("gpus", "cpus", "memory_mb", "wall_minutes")
        return size_for(data["allocation"].resource, **{name: data[name] for name in names if name in data})


class JobInput(SizeInput):
    title = serializers.CharField(max_length=80)
    # Trimming and length are the service's: it names the remedy.
    script = serializers.CharField(trim_whitespace=False)


class CancelInput(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class CostSerializer(serializers.Serializer[Any]):
    """The most that a job can cost, and what is available and would be left. Only what runs is charged."""

    most_gpu_seconds = serializers.IntegerField(source="most")
    most_gpu_hours = serializers.SerializerMethodField()
    available_gpu_seconds = serializers.IntegerField(source="available")
    left_gpu_seconds = serializers.IntegerField(source="left")
    fits = serializers.BooleanField()
    most_pkr = serializers.DecimalField(
        source="rupees",
        max_digits=None,
        decimal_places=0,
        allow_null=True,
        help_text="Null: no published rate.",
    )

    def get_most_gpu_hours(self, cost: Any) -> float:
        return float(seconds_to_hours(cost.most))
