"""What people ask for: one GPU model at one site, and how much of it there is."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from datacenters.models.cluster import Cluster, share_of
from datacenters.models.site import Site
from datacenters.validators import check_code, check_quarter, check_slurm_name
from portal.foundation.clock import Quarter
from portal.foundation.models import Record


class Resource(Record):
    code = models.CharField(_("code"), max_length=40, unique=True, validators=[check_code])
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="resources")
    cluster = models.ForeignKey(
        Cluster, on_delete=models.PROTECT, related_name="resources", null=True, blank=True
    )
    name = models.CharField(_("name"), max_length=120)
    gpu_model = models.CharField(_("GPU model"), max_length=80)
    # Both are Slurm's: empty at a site without it.
    gres_type = models.CharField(
        _("GRES type"),
        max_length=40,
        blank=True,
        validators=[check_slurm_name],
        help_text=_("As Slurm calls the GPUs: h100 in gres/gpu:h100."),
    )
    partition = models.CharField(
        _("partition"),
        max_length=40,
        blank=True,
        validators=[check_slurm_name],
        help_text=_("Slurm's partition that jobs go to; “sinfo” lists them."),
    )
    gpu_count = models.PositiveIntegerField(_("GPUs"))
    gpus_per_node = models.PositiveIntegerField(_("GPUs per node"), default=8)
    max_gpus_per_job = models.PositiveIntegerField(_("most GPUs per job"), default=8)
    max_cpus_per_gpu = models.PositiveIntegerField(_("most CPUs per GPU"), default=8)
    max_memory_mb_per_gpu = models.PositiveIntegerField(_("most memory per GPU (MB)"), default=60_000)
    max_wall_minutes = models.PositiveIntegerField(_("longest wall time (minutes)"), default=2880)
    charge_factor = models.DecimalField(
        _("charge factor"),
        max_digits=6,
        decimal_places=3,
        default=1,
        help_text=_("For normalised hours in reports; the ledger counts raw GPU-seconds."),
    )
    rate_pkr = models.DecimalField(
        _("published rate (PKR per GPU-hour)"), max_digits=10, decimal_places=2, null=True, blank=True
    )
    is_open = models.BooleanField(_("may be requested"), default=True)
    illustrative = models.BooleanField(_("illustrative"), default=False)

    class Meta:
        verbose_name = _("resource")
        verbose_name_plural = _("resources")
        ordering = ["site__name", "name"]
        constraints = [
            models.CheckConstraint(name="resource_has_gpus", condition=models.Q(gpu_count__gt=0)),
            models.CheckConstraint(
                name="resource_job_fits", condition=models.Q(max_gpus_per_job__lte=models.F("gpu_count"))
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("resource", args=[self.code])

    @property
    def lent_gpus(self) -> int:
        """How many of the GPUs the site lends to the programme."""
        return share_of(self.gpu_count, self.cluster.lent_percent) if self.cluster else self.gpu_count

    def most_gpu_seconds(self, quarter: Quarter) -> int:
        """What all GPUs lent to the programme can give together in `quarter`, in GPU-seconds."""
        return self.lent_gpus * quarter.days * 86_400


class Capacity(Record):
    """GPU-seconds of a resource that are planned for the programme in one quarter.

    What may be awarded of it is less by outages and by the reserve: `datacenters.outages.effective`.
    """

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="capacities")
    quarter = models.CharField(
        _("quarter"), max_length=6, validators=[check_quarter], help_text=_("Like 2026Q4.")
    )
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"))
    reserve_percent = models.PositiveSmallIntegerField(
        _("reserve (percent)"),
        default=0,
        validators=[MaxValueValidator(90)],
        help_text=_("Of what is planned: kept back for what can't be foreseen, and not awarded."),
    )
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("capacity")
        verbose_name_plural = _("capacities")
        ordering = ["quarter"]
        constraints = [
            models.UniqueConstraint(fields=["resource", "quarter"], name="capacity_once"),
            models.CheckConstraint(name="capacity_not_negative", condition=models.Q(gpu_seconds__gte=0)),
            models.CheckConstraint(
                name="capacity_reserve", condition=models.Q(reserve_percent__range=(0, 90))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} {self.quarter}"
