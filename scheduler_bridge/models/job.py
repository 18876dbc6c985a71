"""Jobs that people submit through the portal."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from datacenters.models import Cluster
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from scheduler_bridge.transitions import ENDS, JOB, ON_CLUSTER, JobState


class Job(Record):
    """One job. Its budget is held in the ledger under `code`; the hold goes when the job has ended.

    While a worker sends it, `lease_until` says for how long that worker may be believed alive.
    """

    code = CodeField(prefix="job")
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="jobs")
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="jobs")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs")
    title = models.CharField(_("title"), max_length=80)
    script = models.TextField(_("script"))
    gpus = models.PositiveIntegerField(_("GPUs"))
    cpus = models.PositiveIntegerField(_("CPUs"))
    memory_mb = models.PositiveIntegerField(_("memory (MB)"))
    wall_minutes = models.PositiveIntegerField(_("wall time (minutes)"))
    login = models.CharField(_("site login"), max_length=32)

    state = models.CharField(_("state"), max_length=20, choices=JobState, default=JobState.AWAITING_APPROVAL)
    reason = models.TextField(_("reason"), blank=True, help_text=_("Why it waits, was refused or failed."))
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    not_before = models.DateTimeField(
        null=True, blank=True, help_text=_("Not sent again before this moment.")
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(_("cancel requested"), null=True, blank=True)
    uncertain_since = models.DateTimeField(null=True, blank=True)
    first_miss_at = models.DateTimeField(null=True, blank=True)

    slurm_job_id = models.BigIntegerField(_("Slurm job id"), null=True, blank=True)
    slurm_account = models.CharField(_("Slurm account"), max_length=40, blank=True)
    queued_at = models.DateTimeField(_("queued"), null=True, blank=True)
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the cluster was sure to keep it.")
    )
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    exit_code = models.IntegerField(_("exit code"), null=True, blank=True)
    charged = models.BigIntegerField(_("charged (GPU-seconds)"), default=0)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-id"]
        constraints = [
            JOB.check(name="job_state"),
            models.CheckConstraint(
                name="job_sizes",
                condition=models.Q(gpus__gt=0, cpus__gt=0, memory_mb__gt=0, wall_minutes__gt=0),
            ),
        ]
        indexes = [
            models.Index(fields=["allocation", "-id"], name="job_allocation"),
            models.Index(fields=["submitted_by", "-id"], name="job_person"),
            models.Index(
                fields=["cluster", "state", "approved_at"],
                name="job_open",
                condition=models.Q(state__in=["approved", *ON_CLUSTER]),
            ),
        ]
        triggers = [JOB.trigger(name="job_steps")]

    def __str__(self) -> str:
        return f"{self.title} ({self.code})"

    def get_absolute_url(self) -> str:
        return reverse("job", args=[self.code])

    @property
    def slurm_name(self) -> str:
        """The job's name in Slurm, by which it can be found again."""
        return f"tq-{settings.INSTALLATION}-{self.code.removeprefix('job-')}"

    @property
    def home(self) -> str:
        """Where it runs at the site."""
        return f"/home/{self.login}"

    @property
    def output(self) -> str:
        """The path at the site to which .out and .err are added."""
        return f"{self.home}/{self.code}"

    @property
    def most_gpu_seconds(self) -> int:
        """What it can cost at most: GPUs × time limit."""
        return self.gpus * self.wall_minutes * 60

    @property
    def has_ended(self) -> bool:
        return self.state in {*ENDS, JobState.REFUSED, JobState.REJECTED}

    def move(self, action: str) -> None:
        """Take a step of the state table (in memory). Raises IllegalState."""
        self.state = JOB.target(state=self.state, action=action)
