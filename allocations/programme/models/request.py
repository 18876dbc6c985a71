"""Requests for GPU-hours: what is asked, by whom, and everything handed in with it."""

from decimal import Decimal
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.awards.models import Allocation
from allocations.programme.models.call import Call
from allocations.programme.models.track import Track, TrackVersion
from allocations.programme.transitions import REQUEST, RequestState
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only
from portal.foundation.units import hours_to_seconds

# Only while its owners still write it may a request be incomplete.
UNFINISHED = (RequestState.DRAFT, RequestState.RETURNED, RequestState.WITHDRAWN)


class AllocationRequest(Record):
    """GPU-hours asked for a project, from the first draft to the decision.

    Each submission begins a new `round`; `track_version` is the one that the latest round was filed under.
    """

    class Checkpointing(models.TextChoices):
        YES = "yes", _("Yes: runs can be interrupted and go on")
        PARTLY = "partly", _("Some runs")
        NO = "no", _("No: an interrupted run begins anew")

    class Risk(models.TextChoices):
        MINIMAL = "minimal", _("Minimal: nobody is affected by what the model says")
        LIMITED = "limited", _("Limited: people deal with it and know that it is a machine")
        HIGH = "high", _("High: it has a say about people, or works with data about them")

    code = CodeField(prefix="req")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="requests")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests"
    )
    state = models.CharField(_("state"), max_length=14, choices=RequestState, default=RequestState.DRAFT)
    round = models.PositiveSmallIntegerField(_("round"), default=0)
    wanted_track = models.ForeignKey(
        Track,
        verbose_name=_("track"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Only to choose one that isn't found by size, such as Government urgent."),
    )
    track_version = models.ForeignKey(
        TrackVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="requests"
    )
    call = models.ForeignKey(
        Call,
        verbose_name=_("call"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="requests",
    )
    renews = models.ForeignKey(
        Allocation,
        verbose_name=_("renewal of"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="renewals",
    )
    starts_on = models.DateField(_("from"), null=True, blank=True)
    ends_on = models.DateField(_("until"), null=True, blank=True)
    justification = models.TextField(_("justification"), max_length=8000, blank=True)
    public_abstract = models.TextField(
        _("public abstract"),
        max_length=2000,
        blank=True,
        help_text=_("Published in the register of awards. Empty: the project's own abstract is."),
    )
    abstract_withheld = models.BooleanField(_("keep the abstract out of the register"), default=False)
    withheld_reason = models.CharField(_("why it is kept out"), max_length=300, blank=True)
    checkpointing = models.CharField(
        _("checkpointing"), max_length=8, choices=Checkpointing, blank=True, default=""
    )
    deadline_on = models.DateField(_("needed until"), null=True, blank=True)
    deadline_note = models.CharField(_("what the deadline is"), max_length=300, blank=True)
    flexible = models.BooleanField(_("may come later or elsewhere"), default=True)
    prior_usage = models.TextField(_("use of earlier GPU-hours"), max_length=4000, blank=True)
    ai_risk = models.CharField(_("risk of what is built"), max_length=8, choices=Risk, blank=True, default="")
    ai_risk_note = models.TextField(_("how the risk is met"), max_length=4000, blank=True)
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        ordering = ["-created_at", "-id"]
        constraints = [
            REQUEST.check(name="request_state"),
            models.CheckConstraint(
                name="request_period", condition=models.Q(ends_on__gte=models.F("starts_on"))
            ),
            models.CheckConstraint(
                name="request_complete",
                condition=models.Q(state__in=UNFINISHED)
                | models.Q(starts_on__isnull=False, ends_on__isnull=False, submitted_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-created_at"], name="request_project"),
            models.Index(fields=["state", "submitted_at"], name="request_queue"),
        ]
        triggers = [
            REQUEST.trigger(name="request_steps"),
            pgtrigger.Trigger(
                name="request_decided",
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),
                when=pgtrigger.Before,
                # As many different persons as the version's decision step asks for, or its rule; words
                # of an earlier round don't count. Reopening after an appeal is no decision of its own.
                func=(
                    "IF NEW.state IN ('declined', 'returned') AND NOT EXISTS "
                    "(SELECT 1 FROM programme_decision d WHERE d.request_id = NEW.id "
                    "AND d.round = NEW.round AND d.outcome = NEW.state) "
                    "OR NEW.state = 'approved' AND NOT EXISTS "
                    "(SELECT 1 FROM programme_decision d WHERE d.request_id = NEW.id "
                    "AND d.round = NEW.round AND d.outcome = 'approved' AND d.decided_by_id IS NULL) "
                    "AND (SELECT count(DISTINCT COALESCE(d.on_behalf_of_id, d.decided_by_id)) "
                    "FROM programme_decision d WHERE d.request_id = NEW.id "
                    "AND d.round = NEW.round AND d.outcome = 'approved') < "
                    "COALESCE((SELECT s.persons FROM programme_trackstep s "
                    "WHERE s.version_id = NEW.track_version_id AND s.kind = 'decision'), 1) "
                    "OR NEW.state = 'approved' AND NOT EXISTS "
                    "(SELECT 1 FROM programme_decision d "
                    "LEFT JOIN programme_decisionline l ON l.decision_id = d.id "
                    "LEFT JOIN programme_fulfilment f ON f.decision_id = d.id "
                    "WHERE d.request_id = NEW.id AND d.round = NEW.round AND d.outcome = 'approved' "
                    "AND (f.id IS NOT NULL OR l.waiting_gpu_seconds > 0)) THEN "
                    "RAISE EXCEPTION 'request: % without a decision', NEW.state "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project.title} ({self.code})"

    def get_absolute_url(self) -> str:
        return reverse("request", args=[self.code])

    @property
    def gpu_seconds(self) -> int:
        """All lines together."""
        return sum(line.gpu_seconds or 0 for line in self.lines.all())

    @property
    def gpus_at_once(self) -> int:
        """The most GPUs that one run of the run table takes; 0 where there is none."""
        return max((run.gpus for run in self.runs.all()), default=0)

    @property
    def abstract(self) -> str:
        return self.public_abstract or self.project.abstract

    @property
    def is_high_risk(self) -> bool:
        return self.ai_risk == self.Risk.HIGH


class RequestLine(Record):
    """So many GPU-seconds of one resource, or of any suitable one; a draft may lack either.

    `by_quarter` (quarter → GPU-seconds) says when they are wanted; empty: evenly over the period. `placed` is
    where the technical check puts a line without a resource of its own; who decides may place it elsewhere.
    """

    request = models.ForeignKey(AllocationRequest, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField(default=0)
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, related_name="request_lines", null=True, blank=True
    )
    any_suitable = models.BooleanField(_("any suitable site"), default=False)
    placed = models.ForeignKey(Resource, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"), null=True, blank=True)
    by_quarter = models.JSONField(_("by quarter"), default=dict, blank=True)

    class Meta:
        verbose_name = _("request line")
        verbose_name_plural = _("request lines")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["request", "resource"], name="request_line_once"),
            models.CheckConstraint(name="request_line_positive", condition=models.Q(gpu_seconds__gt=0)),
            models.CheckConstraint(
                name="request_line_somewhere",
                condition=models.Q(any_suitable=False) | models.Q(resource__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.where}: {self.gpu_seconds}"

    @property
    def where(self) -> str:
        """What was chosen, for people."""
        if self.resource:
            return str(self.resource)
        return str(_("Any suitable site")) if self.any_suitable else "—"

    @property
    def target(self) -> Resource | None:
        """The resource that the line comes to as things stand."""
        return self.resource or self.placed


class RunRow(Record):
    """One kind of run: how many GPUs, for how long, how often. Its product says where GPU-hours come from."""

    request = models.ForeignKey(AllocationRequest, on_delete=models.CASCADE, related_name="runs")
    position = models.PositiveSmallIntegerField(default=0)
    model = models.CharField(_("model or experiment"), max_length=160)
    gpus = models.PositiveIntegerField(_("GPUs"))
    hours = models.DecimalField(_("hours a run"), max_digits=8, decimal_places=2)
    runs = models.PositiveIntegerField(_("runs"), default=1)
    basis = models.CharField(_("how you know"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                name="run_positive",
                condition=models.Q(gpus__gt=0) & models.Q(hours__gt=0) & models.Q(runs__gt=0),
            )
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.gpus} × {self.hours} × {self.runs}"

    @property
    def gpu_seconds(self) -> int:
        return hours_to_seconds(Decimal(self.gpus) * self.hours * self.runs)


class RequestVersion(models.Model):
    """What was submitted in one round, word for word; later rounds are compared with it."""

    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="versions")
    round = models.PositiveSmallIntegerField(_("round"))
    content = models.JSONField(_("content"))
    track_version = models.ForeignKey(TrackVersion, on_delete=models.PROTECT, related_name="+")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(_("submitted"))

    class Meta:
        verbose_name = _("version of a request")
        verbose_name_plural = _("versions of requests")
        ordering = ["round"]
        constraints = [models.UniqueConstraint(fields=["request", "round"], name="request_version_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.request_id}: {self.round}"


def attachment_path(attachment: Any, filename: str) -> str:
    """Named by us, since the name that a browser sends proves nothing."""
    return f"requests/{clock.today():%Y/%m}/{attachment.code}.pdf"


class Attachment(Record):
    """A PDF handed in with a request. Taken away again it stays on record, and nobody is shown it."""

    code = CodeField(prefix="att")
    request = models.ForeignKey(AllocationRequest, on_delete=models.CASCADE, related_name="attachments")
    title = models.CharField(_("title"), max_length=160)
    file = models.FileField(_("file"), upload_to=attachment_path, max_length=200)
    size = models.PositiveIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64)
    anonymous = models.BooleanField(
        _("names nobody"), default=False, help_text=_("Only then may blind reviewers read it.")
    )
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(_("taken away"), null=True, blank=True)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title


class Message(models.Model):
    """One word in the thread of a request: a question, an answer, or a note among those who decide."""

    class Audience(models.TextChoices):
        ALL = "all", _("The project and those who decide")
        INTERNAL = "internal", _("Only those who decide")

    code = CodeField(prefix="msg")
    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    audience = models.CharField(_("for"), max_length=10, choices=Audience, default=Audience.ALL)
    text = models.TextField(_("text"), max_length=4000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["id"]
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.code)
