"""What keeps two from doing one thing: leases of workers, stops, and which installation this database is."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from datacenters.models import Cluster
from portal.foundation.models import Record


class WorkLease(models.Model):
    """Who does a piece of work now, and until when that is believed without a sign of life.

    `number` grows with every taking: a worker that was frozen past its lease finds another number and writes
    nothing. Times are the database's own.
    """

    name = models.CharField(max_length=120, primary_key=True)
    number = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("work lease")

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class Installation(Record):
    """Which installation this database belongs to, and in which epoch: one row.

    The environment's epoch file must say the same; see `scheduler_bridge.installation.epoch`.
    """

    name = models.CharField(_("installation"), max_length=8)
    epoch = models.CharField(_("epoch"), max_length=32)

    class Meta:
        verbose_name = _("installation")
        constraints = [
            models.UniqueConstraint(models.Value(1), name="one_installation"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.epoch[:8]}"


class SendingStop(Record):
    """Sending is stopped: to one cluster, or (no cluster) to all. The row goes when it is let go on.

    `needs_look`: the cluster was left out when a restored database went back to work, so nothing is sent to
    or changed on it before its open jobs have been looked up.
    """

    cluster = models.OneToOneField(
        Cluster,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="stop",
        verbose_name=_("cluster"),
    )
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(_("reason"))
    needs_look = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("stop of sending")
        verbose_name_plural = _("stops of sending")
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(cluster=None), name="one_national_stop"
            )
        ]

    def __str__(self) -> str:
        return f"{self.cluster_id or 'all'}: {self.reason}"
