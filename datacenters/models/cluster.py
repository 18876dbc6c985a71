"""A site's Slurm cluster, as the bridge reaches it."""

from datetime import timedelta
from pathlib import PurePosixPath

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from datacenters.models.site import Site
from datacenters.validators import check_cluster_url, check_code, check_signer, check_slurm_name
from portal.foundation import clock
from portal.foundation.models import Record

SILENT_AFTER = timedelta(minutes=5)


class Health(models.TextChoices):
    """What the last looks at a cluster told."""

    ANSWERS = "answers", _("Answers")
    SILENT = "silent", _("Silent")
    TROUBLED = "troubled", _("Doesn't answer")
    OFF = "off", _("Switched off")


class Cluster(Record):
    """`signer` names the key that signs tokens for this cluster, never the key itself: a file under the
    setting KEYS_DIR, or an absolute path."""

    code = models.CharField(_("code"), max_length=40, unique=True, validators=[check_code])
    site = models.OneToOneField(Site, on_delete=models.PROTECT, related_name="cluster")
    slurm_name = models.CharField(
        _("ClusterName in Slurm"),
        max_length=40,
        validators=[check_slurm_name],
        help_text=_("As in the site's slurm.conf; “scontrol show config” tells it."),
    )
    url = models.CharField(
        _("slurmrestd address"),
        max_length=200,
        validators=[check_cluster_url],
        help_text=_("Scheme, host and port only, such as https://slurm.example.edu.pk:6820"),
    )
    api_version = models.CharField(_("REST version"), max_length=10, default="v0.0.42")
    signer = models.CharField(
        _("signing key"),
        max_length=200,
        validators=[check_signer],
        help_text=_("File name of the key, not the key."),
    )
    operator_login = models.CharField(
        _("operator login"),
        max_length=32,
        default="tqportal",
        validators=[check_slurm_name],
        help_text=_("Slurm user with AdminLevel Administrator, in whose name limits are written."),
    )
    is_sandbox = models.BooleanField(
        _("sandbox"),
        default=False,
        help_text=_("Simulated GPUs, where logins are made by themselves. Never for a real cluster."),
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    lent_percent = models.PositiveSmallIntegerField(
        _("share lent to the programme (percent)"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Of each resource's GPUs, rounded down. The rest stays with the site's own users."),
    )
    max_pending = models.PositiveIntegerField(
        _("most pending jobs"),
        default=1000,
        help_text=_("Further jobs wait here, where projects take turns."),
    )
    seen_at = models.DateTimeField(_("last answered"), null=True, blank=True, editable=False)
    problem = models.TextField(_("problem"), blank=True, editable=False)
    slurm_release = models.CharField(_("Slurm release"), max_length=20, blank=True, editable=False)

    class Meta:
        verbose_name = _("cluster")
        verbose_name_plural = _("clusters")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                name="cluster_lends_a_share", condition=models.Q(lent_percent__range=(1, 100))
            )
        ]

    def __str__(self) -> str:
        return f"{self.site} ({self.slurm_name})"

    @property
    def key_name(self) -> str:
        """The signing key's file name. Where it lies is for admins only."""
        return PurePosixPath(self.signer).name

    @property
    def gpu_count(self) -> int:
        """All GPUs of the site's resources on this cluster."""
        return sum(resource.gpu_count for resource in self.resources.all())

    @property
    def lent_gpus(self) -> int | None:
        """How many GPUs the programme's jobs may use at one time; None where all are lent."""
        if self.lent_percent == 100:
            return None
        return sum(share_of(resource.gpu_count, self.lent_percent) for resource in self.resources.all())

    @property
    def health(self) -> Health:
        if not self.is_enabled:
            return Health.OFF
        if self.problem:
            return Health.TROUBLED
        if self.seen_at is None or clock.now() - self.seen_at > SILENT_AFTER:
            return Health.SILENT
        return Health.ANSWERS


def share_of(gpus: int, percent: int) -> int:
    """So many percent of some GPUs, rounded down; a share that would be none is one GPU."""
    return max(gpus * percent // 100, 1)
