"""What ran: one record a run, and its days."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from allocations.projects.models import Project
from datacenters.models import Resource


class UsageRecord(models.Model):
    """One ended run, as it was charged. `user` is empty where the site's login is linked to nobody."""

    run_key = models.CharField(max_length=70, unique=True)
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="usage")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="usage"
    )
    login = models.CharField(_("site login"), max_length=32)
    job_code = models.CharField(_("job"), max_length=24, blank=True)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"))
    gpus = models.PositiveIntegerField(_("GPUs"))
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"))
    state = models.CharField(_("state"), max_length=20)
    posted_at = models.DateTimeField(_("posted"), auto_now_add=True)

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")

    def __str__(self) -> str:
        return self.run_key


class UsageDay(models.Model):
    """The daily cube: whole GPU-seconds of a day (Asia/Karachi), so that reports needn't read every run."""

    day = models.DateField(_("day"))
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=20)
    gpus = models.PositiveIntegerField(_("GPUs"))
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"), default=0)
    jobs = models.IntegerField(_("jobs ended"), default=0)

    class Meta:
        verbose_name = _("usage of a day")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "project", "user", "resource", "state", "gpus"],
                name="usage_day_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id}: {self.gpu_seconds}"
