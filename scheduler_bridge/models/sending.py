"""Attempts to send jobs, and the gate before each cluster."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from datacenters.models import Cluster
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from scheduler_bridge.models.job import Job
from scheduler_bridge.transitions import AttemptOutcome


class DispatchAttempt(Record):
    """One POST, written and committed *before* it is sent.

    `token_expires_at` is the fence: what reaches the cluster later than that does nothing.
    """

    code = CodeField(prefix="att")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="attempts")
    login = models.CharField(_("site login"), max_length=32)
    slurm_account = models.CharField(_("Slurm account"), max_length=40)
    token_expires_at = models.DateTimeField(_("token valid until"))
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=AttemptOutcome, default=AttemptOutcome.OPEN
    )
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    slurm_job_id = models.BigIntegerField(_("Slurm job id"), null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        verbose_name = _("dispatch attempt")
        verbose_name_plural = _("dispatch attempts")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.job.code} {self.code}"


class ExtraCopy(Record):
    """A second copy of a job on its cluster, to be cancelled there; `gone_at` once it has ended."""

    attempt = models.ForeignKey(DispatchAttempt, on_delete=models.PROTECT, related_name="extra_copies")
    slurm_job_id = models.BigIntegerField(_("Slurm job id"))
    gone_at = models.DateTimeField(_("gone"), null=True, blank=True)

    class Meta:
        verbose_name = _("extra copy of a job")
        verbose_name_plural = _("extra copies of jobs")
        constraints = [
            models.UniqueConstraint(fields=["attempt", "slurm_job_id"], name="extra_copy_once"),
        ]
        indexes = [
            models.Index(fields=["id"], name="extra_copy_there", condition=models.Q(gone_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.attempt_id}: {self.slurm_job_id}"


class Door(models.TextChoices):
    """The daemon of a cluster that a call ends at."""

    CONTROLLER = "slurmctld", "slurmctld"
    ACCOUNTING = "slurmdbd", "slurmdbd"


class ClusterGate(models.Model):
    """Whether a cluster's daemon is called now. After failures it isn't, for growing pauses."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="gates")
    door = models.CharField(_("daemon"), max_length=10, choices=Door, default=Door.CONTROLLER)
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    closed_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("cluster gate")
        ordering = ["cluster", "door"]
        constraints = [models.UniqueConstraint(fields=["cluster", "door"], name="gate_once")]

    def __str__(self) -> str:
        return f"{self.cluster_id} {self.door}: {self.last_error or 'open'}"
