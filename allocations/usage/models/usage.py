"""What ran: one record a run, its corrections, and the days of all runs."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation.transitions import append_only


class UsageRecord(models.Model):
    """One ended run, as it was first charged. `user` is empty where the site's login is linked to nobody."""

    run_key = models.CharField(max_length=110, unique=True)
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
        constraints = [
            models.CheckConstraint(name="usage_not_negative", condition=models.Q(gpu_seconds__gte=0))
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.run_key


class UsageCorrection(models.Model):
    """The site's accounting changed its mind about a run: what it had said, and what holds from here on."""

    record = models.ForeignKey(UsageRecord, on_delete=models.PROTECT, related_name="corrections")
    number = models.PositiveIntegerField(_("number"))
    ended_at = models.DateTimeField(_("ended"))
    before = models.BigIntegerField(_("GPU-seconds before"))
    after = models.BigIntegerField(_("GPU-seconds after"))
    reason = models.TextField(_("reason"))
    posted_at = models.DateTimeField(_("posted"), auto_now_add=True)

    class Meta:
        verbose_name = _("usage correction")
        verbose_name_plural = _("usage corrections")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["record", "number"], name="usage_correction_once"),
            models.CheckConstraint(
                name="usage_correction_not_negative", condition=models.Q(before__gte=0, after__gte=0)
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.record_id}/{self.number}: {self.before} → {self.after}"


class UsageDay(models.Model):
    """The daily cube: whole GPU-seconds of a day (Asia/Karachi), so that reports needn't read every run.

    It follows from records and corrections; `usage_verify` compares them, `usage_rebuild` makes it anew.
    """

    day = models.DateField(_("day"))
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=20)
    gpus = models.PositiveIntegerField(_("GPUs"))
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"), default=0)
    jobs = models.IntegerField(_("jobs ended"), default=0)
    changed_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name = _("usage of a day")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "project", "user", "resource", "state", "gpus"],
                name="usage_day_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["project", "day"], name="usage_day_project")]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id}: {self.gpu_seconds}"
