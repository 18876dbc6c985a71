"""What the clusters' accounting says of runs, ours and those sent by sbatch."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from datacenters.models import Cluster
from portal.foundation.models import Record
from scheduler_bridge.models.job import Job


class JobRun(Record):
    """One run of one job (a requeued job has several). Charged once, when it has ended.

    Times are the cluster's own, UTC. `job` is empty for work sent by sbatch.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="runs")
    slurm_job_id = models.BigIntegerField(_("Slurm job id"))
    submitted_at = models.DateTimeField(_("submitted"))
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="runs")
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="runs")
    slurm_account = models.CharField(_("Slurm account"), max_length=200, blank=True)
    login = models.CharField(_("site login"), max_length=32)
    name = models.CharField(_("name"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=20)
    started_at = models.DateTimeField(_("started"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    elapsed_seconds = models.BigIntegerField(_("elapsed (seconds)"), default=0)
    gpus = models.PositiveIntegerField(_("GPUs"), default=0)
    charged = models.BigIntegerField(_("charged (GPU-seconds)"), null=True)

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [
            models.UniqueConstraint(fields=["cluster", "slurm_job_id", "submitted_at"], name="run_once")
        ]
        indexes = [
            models.Index(
                fields=["cluster", "submitted_at"], name="run_open", condition=models.Q(charged__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.cluster_id}/{self.slurm_job_id}"

    @property
    def key(self) -> str:
        """Names this run in the ledger, once and for ever."""
        return f"run:{self.cluster.code}:{self.slurm_job_id}:{int(self.submitted_at.timestamp())}"


class AccountingCursor(models.Model):
    """Up to where a cluster's accounting has been read."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="cursor", primary_key=True)
    read_until = models.DateTimeField()

    class Meta:
        verbose_name = _("accounting cursor")

    def __str__(self) -> str:
        return f"{self.cluster_id} {self.read_until:%F %T}"
