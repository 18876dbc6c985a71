"""When a site, its cluster or one resource gives nothing: planned beforehand, or as it happens."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from datacenters.models.cluster import Cluster
from datacenters.models.resource import Resource
from datacenters.models.site import Site
from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record


class Outage(Record):
    """From `starts_at` until `ends_at` (UTC; null: it goes on). Of the whole site, unless it names a part.

    A planned one that doesn't take place is withdrawn; no outage is ever deleted, for capacity and
    reclamation count with them.
    """

    class Kind(models.TextChoices):
        PLANNED = "planned", _("Planned")
        UNPLANNED = "unplanned", _("Unplanned")

    class Cause(models.TextChoices):
        POWER = "power", _("Power")
        NETWORK = "network", _("Network")
        COOLING = "cooling", _("Cooling")
        HARDWARE = "hardware", _("Hardware")
        MAINTENANCE = "maintenance", _("Maintenance")

    class State(models.TextChoices):
        """Follows from the clock; no column of its own."""

        ONGOING = "ongoing", _("Ongoing")
        COMING = "coming", _("Coming")
        OVER = "over", _("Over")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    code = CodeField(prefix="out")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="outages")
    cluster = models.ForeignKey(
        Cluster, on_delete=models.PROTECT, related_name="outages", null=True, blank=True
    )
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, related_name="outages", null=True, blank=True
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    cause = models.CharField(_("cause"), max_length=12, choices=Cause)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True, max_length=2000)
    announced_at = models.DateTimeField(_("announced"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("outage")
        verbose_name_plural = _("outages")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="outage_period", condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at"))
            ),
            models.CheckConstraint(name="outage_one_part", condition=Q(cluster=None) | Q(resource=None)),
        ]
        indexes = [models.Index(fields=["site", "starts_at"], name="outage_site")]
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.affected}: {self.get_cause_display()}"

    def get_absolute_url(self) -> str:
        return reverse("outage", args=[self.site.code, self.code])

    @property
    def affected(self) -> Any:
        """What gives nothing: the resource, the cluster or the whole site."""
        return self.resource or self.cluster or self.site

    @property
    def state(self) -> "Outage.State":
        """What it is at this moment."""
        now = clock.now()
        if self.withdrawn_at:
            return self.State.WITHDRAWN
        if self.starts_at > now:
            return self.State.COMING
        return self.State.ONGOING if self.ends_at is None or self.ends_at > now else self.State.OVER

    def touches(self, resource: Resource) -> bool:
        """Whether `resource` gives nothing while it lasts."""
        if self.resource_id is not None:
            return self.resource_id == resource.pk
        if self.cluster_id is not None:
            return self.cluster_id == resource.cluster_id
        return self.site_id == resource.site_id
