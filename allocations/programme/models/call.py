"""Calls for proposals: a track's window, with its documents and its budget."""

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from allocations.programme.models.track import Rubric, Track
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record


def document_path(document: Any, filename: str) -> str:
    """Where a call's document is kept: named by us, since the name that a browser sends proves nothing."""
    return f"calls/{document.code}.pdf"


class CallState(models.TextChoices):
    """Where a call stands by the clock."""

    DRAFT = "draft", _("Not published")
    COMING = "coming", _("Coming")
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed")


class Call(Record):
    """Requests of one track are asked for between two moments and decided together."""

    code = CodeField(prefix="cal")
    track = models.ForeignKey(Track, verbose_name=_("track"), on_delete=models.PROTECT, related_name="calls")
    title_en = models.CharField(_("title (English)"), max_length=160)
    title_ur = models.CharField(_("title (Urdu)"), max_length=160)
    text_en = models.TextField(_("text (English)"), max_length=8000)
    text_ur = models.TextField(_("text (Urdu)"), max_length=8000, blank=True)
    opens_at = models.DateTimeField(_("opens"))
    closes_at = models.DateTimeField(_("cut-off"))
    decided_by_on = models.DateField(_("decisions until"))
    rubric = models.ForeignKey(
        Rubric,
        verbose_name=_("rubric"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="calls",
    )
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    results_at = models.DateTimeField(_("results published"), null=True, blank=True)
    illustrative = models.BooleanField(_("illustrative"), default=False)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-closes_at", "-id"]
        constraints = [
            models.CheckConstraint(name="call_window", condition=models.Q(closes_at__gt=models.F("opens_at")))
        ]

    def __str__(self) -> str:
        return self.title_ur if get_language() == "ur" else self.title_en

    def get_absolute_url(self) -> str:
        return reverse("call", args=[self.code])

    @property
    def text(self) -> str:
        return self.text_ur if get_language() == "ur" and self.text_ur else self.text_en

    @property
    def is_open(self) -> bool:
        """Whether requests may be submitted now."""
        return self.state == CallState.OPEN

    @property
    def state(self) -> CallState:
        now = clock.now()
        if self.published_at is None:
            return CallState.DRAFT
        if now < self.opens_at:
            return CallState.COMING
        return CallState.OPEN if now < self.closes_at else CallState.CLOSED


class CallDocument(Record):
    """A PDF that applicants read."""

    code = CodeField(prefix="doc")
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(_("title"), max_length=160)
    file = models.FileField(_("file"), upload_to=document_path)
    size = models.PositiveIntegerField(_("bytes"))

    class Meta:
        verbose_name = _("document of a call")
        verbose_name_plural = _("documents of calls")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title


class CallBudget(Record):
    """GPU-seconds of a resource that the awards of a call may come to."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="budgets")
    resource = models.ForeignKey(
        Resource, verbose_name=_("resource"), on_delete=models.PROTECT, related_name="+"
    )
    gpu_seconds = models.BigIntegerField(_("GPU-seconds"))

    class Meta:
        verbose_name = _("budget of a call")
        verbose_name_plural = _("budgets of calls")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["call", "resource"], name="call_budget_once"),
            models.CheckConstraint(name="call_budget_positive", condition=models.Q(gpu_seconds__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.call}: {self.resource}"
