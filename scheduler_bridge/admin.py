"""The bridge's rows for operators of the installation: to read, never to change. Scripts stay hidden."""

from typing import Any

from django.contrib import admin

from scheduler_bridge import models


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Only services write: a row changed here would belie the ledger and the audit."""

    show_full_result_count = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False


@admin.register(models.Job)
class JobAdmin(ReadOnly):
    list_display = ("code", "title", "state", "cluster", "submitted_by", "slurm_job_id", "created_at")
    list_filter = ("state", "cluster")
    search_fields = ("code", "title", "=slurm_job_id")
    list_select_related = ("cluster__site", "submitted_by")
    exclude = ("script",)


@admin.register(models.DispatchAttempt)
class AttemptAdmin(ReadOnly):
    list_display = ("code", "job", "outcome", "slurm_job_id", "created_at", "answered_at")
    list_filter = ("outcome",)
    search_fields = ("code", "job__code", "=slurm_job_id")
    list_select_related = ("job",)


@admin.register(models.JobRun)
class RunAdmin(ReadOnly):
    list_display = ("slurm_job_id", "cluster", "state", "login", "gpus", "elapsed_seconds", "charged")
    list_filter = ("cluster", "state")
    search_fields = ("=slurm_job_id", "login", "job__code")
    list_select_related = ("cluster__site",)


@admin.register(models.SlurmAccountBinding)
class BindingAdmin(ReadOnly):
    list_display = ("slurm_account", "allocation", "generation", "limit_minutes", "blocked", "verified_at")
    search_fields = ("slurm_account", "allocation__code")
    list_select_related = ("allocation__resource",)


@admin.register(models.ProvisioningRun)
class ProvisioningRunAdmin(ReadOnly):
    list_display = ("allocation", "at", "error")
    search_fields = ("allocation__code",)
    list_select_related = ("allocation__resource",)


@admin.register(models.SiteLogin)
class SiteLoginAdmin(ReadOnly):
    list_display = ("login", "site", "user", "state", "linked_by", "created_at")
    list_filter = ("state", "site")
    search_fields = ("login", "user__email")
    list_select_related = ("site", "user", "linked_by")


@admin.register(models.UsageKey)
class UsageKeyAdmin(ReadOnly):
    list_display = ("name", "site", "fingerprint", "registered_by", "created_at", "revoked_at")
    list_select_related = ("site", "registered_by")


@admin.register(models.UsageUpload)
class UsageUploadAdmin(ReadOnly):
    list_display = ("code", "site", "filename", "state", "rows", "uploaded_by", "created_at")
    list_filter = ("state", "site")
    list_select_related = ("site", "uploaded_by")
    exclude = ("content", "signature")


@admin.register(models.UploadedRun)
class UploadedRunAdmin(ReadOnly):
    list_display = ("run_id", "site", "allocation", "person", "gpus", "gpu_seconds")
    search_fields = ("=run_id", "=person", "allocation__code")
    list_select_related = ("site", "allocation__resource")


@admin.register(models.ClusterGate)
class GateAdmin(ReadOnly):
    list_display = ("cluster", "failures", "closed_until", "last_error")
    list_select_related = ("cluster__site",)


@admin.register(models.AccountingCursor)
class CursorAdmin(ReadOnly):
    list_display = ("cluster", "read_until")
    list_select_related = ("cluster__site",)


@admin.register(models.PreflightRun)
class PreflightAdmin(ReadOnly):
    list_display = ("code", "cluster", "state", "verdict", "may_serve", "created_at")
    list_filter = ("state", "verdict", "cluster")
    search_fields = ("code",)
    list_select_related = ("cluster__site",)


@admin.register(models.SlurmConfigReport)
class SlurmConfigAdmin(ReadOnly):
    list_display = ("cluster", "reported_by", "reported_at")
    list_select_related = ("cluster__site", "reported_by")
