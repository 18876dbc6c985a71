"""A site's Slurm cluster, as the bridge reaches it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from datacenters.models.site import Site
from portal.foundation.models import Record


class Cluster(Record):
    """`signer` names the key that signs tokens for this cluster: a file under TAQSEEM_KEYS_DIR, never the key."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    site = models.OneToOneField(Site, on_delete=models.PROTECT, related_name="cluster")
    slurm_name = models.CharField(_("ClusterName in Slurm"), max_length=40)
    url = models.URLField(_("slurmrestd address"), help_text=_("Such as http://127.0.0.1:6820"))
    api_version = models.CharField(_("REST version"), max_length=10, default="v0.0.42")
    signer = models.CharField(
        _("signing key"), max_length=200, help_text=_("File name of the key, not the key.")
    )
    operator_login = models.CharField(
        _("operator login"),
        max_length=32,
        default="tqportal",
        help_text=_("Slurm user with AdminLevel Administrator, in whose name limits are written."),
    )
    is_sandbox = models.BooleanField(_("sandbox"), default=False)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    max_pending = models.PositiveIntegerField(_("most pending jobs"), default=1000)
    seen_at = models.DateTimeField(_("last answered"), null=True, blank=True, editable=False)
    problem = models.TextField(_("problem"), blank=True, editable=False)
    slurm_release = models.CharField(_("Slurm release"), max_length=20, blank=True, editable=False)

    class Meta:
        verbose_name = _("cluster")
        verbose_name_plural = _("clusters")
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.site} ({self.slurm_name})"
