"""What Taqseem keeps at a site: Slurm accounts of allocations."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from datacenters.models import Cluster
from portal.foundation.models import Record


class SlurmAccountBinding(Record):
    """An allocation's Slurm account of one generation; never deleted, never used again for another.

    `limit_minutes` and `logins` are what was last *read back* from Slurm. `blocked` closes it to dispatch: it
    is set before Slurm is told, and taken back once Slurm is read to be open. `adopted` accounts were the
    site's own: an admin gave them to the allocation. `reserved` holds what jobs of earlier generations may
    yet cost, by `<job id>:<submit time>`, in GPU-seconds, from when this generation began. `counted_before`:
    GPU-seconds that Slurm had counted here before the account was adopted.
    """

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="bindings")
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="bindings")
    generation = models.PositiveIntegerField(default=1)
    slurm_account = models.CharField(_("Slurm account"), max_length=40)
    limit_minutes = models.BigIntegerField(_("GPU minutes allowed"), null=True)
    logins = ArrayField(models.CharField(max_length=32), default=list)
    blocked = models.BooleanField(default=False)
    adopted = models.BooleanField(_("adopted"), default=False)
    reserved = models.JSONField(default=dict)
    counted_before = models.BigIntegerField(default=0)
    verified_at = models.DateTimeField(_("read back"), null=True)

    class Meta:
        verbose_name = _("Slurm account of an allocation")
        constraints = [
            models.UniqueConstraint(fields=["allocation", "generation"], name="binding_generation"),
            models.UniqueConstraint(fields=["cluster", "slurm_account"], name="binding_slurm_account"),
        ]

    def __str__(self) -> str:
        return self.slurm_account


class ProvisioningRun(models.Model):
    """One reconciliation of an allocation with its cluster: what was wanted, found and done.

    Kept only where something was done, or something else than last time keeps it from being done. `remedies`
    are what only the site's own admins can do. `is_drift`: Slurm had changed without the portal.
    """

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="provisioning_runs")
    at = models.DateTimeField(auto_now_add=True)
    desired = models.JSONField(default=dict)
    found = models.JSONField(default=dict)
    actions = models.JSONField(default=list)
    remedies = models.JSONField(default=list)
    error = models.TextField(blank=True)
    is_drift = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("provisioning run")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.allocation_id} {self.at:%F %T}"
