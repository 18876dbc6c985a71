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


class ClusterGate(models.Model):
    """Whether anything is sent to a cluster now. After failures it stays shut for growing pauses."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="gate", primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    closed_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("cluster gate")

    def __str__(self) -> str:
        return f"{self.cluster_id}: {self.last_error or 'open'}"
