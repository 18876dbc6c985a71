"""What preflights of clusters found, and what sites said of their Slurm's configuration."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record

# A run that wrote nothing for so long has lost its worker.
SILENT_AFTER = timedelta(minutes=5)


class PreflightRun(Record):
    """One preflight of a cluster.

    `lines` are codes with their parameters (`preflight.catalogue` has the words); more come while it runs.
    `asked` is how the cluster was reached: a run says nothing about one that is reached differently.
    `requested_by` is null where the portal ran it by itself.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        BROKEN = "broken", _("Broke off")

    class Verdict(models.TextChoices):
        HARD_FENCE = "hard_fence", _("Hard fence")
        LEDGER_ONLY = "ledger_only", _("Ledger only")

    code = CodeField(prefix="pfl")
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="preflights")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    asked = models.JSONField(default=dict)
    lines = models.JSONField(default=list)
    versions = models.JSONField(_("REST versions"), default=list)
    release = models.CharField(_("Slurm release"), max_length=20, blank=True)
    may_serve = models.BooleanField(_("fit to be switched on"), default=False)
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict, blank=True)

    class Meta:
        verbose_name = _("preflight")
        verbose_name_plural = _("preflights")
        ordering = ["-id"]
        indexes = [models.Index(fields=["cluster", "-id"], name="preflight_latest")]

    def __str__(self) -> str:
        return f"{self.cluster_id} {self.code}"

    def get_absolute_url(self) -> str:
        return reverse("site_preflight_run", args=[self.cluster.site.code, self.code])

    @property
    def is_at_work(self) -> bool:
        return self.state == self.State.RUNNING and clock.now() - self.updated_at < SILENT_AFTER


class SlurmConfigReport(Record):
    """What a site pasted of `scontrol show config`: only the keys that the preflight needs are kept."""

    cluster = models.OneToOneField(
        Cluster, on_delete=models.CASCADE, related_name="config_report", primary_key=True
    )
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    settings = models.JSONField(default=dict)
    reported_at = models.DateTimeField(_("pasted"))

    class Meta:
        verbose_name = _("reported Slurm configuration")

    def __str__(self) -> str:
        return f"{self.cluster_id} {self.reported_at:%F}"
