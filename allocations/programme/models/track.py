"""Tracks: how a request of a certain size and kind is decided. Data with versions, edited in the browser."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only


class Named(models.Model):
    """Something with a name in both languages."""

    name_en = models.CharField(_("name (English)"), max_length=120)
    name_ur = models.CharField(_("name (Urdu)"), max_length=120)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_ur if get_language() == "ur" else self.name_en


class Rubric(Named, Record):
    """What reviewers score, and how much each part weighs. Never changed: a new one takes its place."""

    code = CodeField(prefix="rub")

    class Meta:
        verbose_name = _("rubric")
        verbose_name_plural = _("rubrics")
        ordering = ["-id"]
        triggers = append_only()

    def get_absolute_url(self) -> str:
        return reverse("rubric", args=[self.code])


class Criterion(Named):
    """One part of a rubric, scored from 0 to 5."""

    rubric = models.ForeignKey(Rubric, on_delete=models.PROTECT, related_name="criteria")
    code = models.SlugField(_("code"), max_length=40)
    help_en = models.CharField(_("help (English)"), max_length=300, blank=True)
    help_ur = models.CharField(_("help (Urdu)"), max_length=300, blank=True)
    weight = models.PositiveSmallIntegerField(_("weight"), validators=[MinValueValidator(1)])
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("criterion")
        verbose_name_plural = _("criteria")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["rubric", "code"], name="criterion_once"),
            models.CheckConstraint(name="criterion_weighs", condition=models.Q(weight__gt=0)),
        ]
        triggers = append_only()

    @property
    def help(self) -> str:
        return self.help_ur if get_language() == "ur" else self.help_en


class Track(Named, Record):
    """One way to GPU-hours, such as Explore. How it works stands in its versions."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    summary_en = models.CharField(_("summary (English)"), max_length=300, blank=True)
    summary_ur = models.CharField(_("summary (Urdu)"), max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(
        _("position"), default=0, help_text=_("From the smallest to the largest: a request takes the first.")
    )
    is_open = models.BooleanField(_("takes requests"), default=True)

    class Meta:
        verbose_name = _("track")
        verbose_name_plural = _("tracks")
        ordering = ["position", "code"]

    def get_absolute_url(self) -> str:
        return reverse("track", args=[self.code])

    @property
    def summary(self) -> str:
        return self.summary_ur if get_language() == "ur" else self.summary_en


class TrackVersion(models.Model):
    """The rules of a track as they were set once. Never changed; a request keeps the one it was filed under.

    Amounts are GPU-seconds. Where nothing bounds them, they are null.
    """

    class Blind(models.TextChoices):
        SINGLE = "single", _("Reviewers see the organisation; applicants don't see the reviewers")
        DOUBLE = "double", _("Neither sees the other")

    code = CodeField(prefix="trv")
    track = models.ForeignKey(Track, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    max_gpu_seconds = models.BigIntegerField(_("most GPU-seconds"), null=True, blank=True)
    max_gpus = models.PositiveIntegerField(_("most GPUs at once"), null=True, blank=True)
    organisation_kinds = models.JSONField(
        _("for classes of organisations"), default=list, blank=True, help_text=_("None: for all.")
    )
    by_choice = models.BooleanField(
        _("only when chosen"), default=False, help_text=_("Else a request finds it by its size.")
    )
    needs_call = models.BooleanField(_("only within an open call"), default=False)
    rule_gpu_seconds = models.BigIntegerField(
        _("most by rule to one organisation in a quarter (GPU-seconds)"), null=True, blank=True
    )
    blind = models.CharField(_("reviews"), max_length=8, choices=Blind, default=Blind.DOUBLE)
    rubric = models.ForeignKey(Rubric, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    target_minutes = models.PositiveIntegerField(_("target (minutes)"), null=True, blank=True)
    target_days = models.PositiveSmallIntegerField(_("target (working days)"), null=True, blank=True)
    appeal_days = models.PositiveSmallIntegerField(_("days to appeal"), default=30)
    first_instalment_percent = models.PositiveSmallIntegerField(
        _("first instalment (%)"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("The rest comes with an accepted progress report."),
    )
    progress_every_days = models.PositiveSmallIntegerField(
        _("progress report every … days"), null=True, blank=True
    )
    final_report = models.BooleanField(_("final report"), default=False)
    note = models.TextField(_("why this version"), blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("version of a track")
        verbose_name_plural = _("versions of tracks")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["track", "number"], name="track_version_once"),
            models.CheckConstraint(
                name="track_version_positive",
                condition=(models.Q(max_gpu_seconds__isnull=True) | models.Q(max_gpu_seconds__gt=0))
                & models.Q(first_instalment_percent__range=(1, 100)),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.track} {self.number}"

    def snapshot(self, *fields: str) -> dict[str, Any]:
        return {field: getattr(self, field) for field in fields}


class TrackStep(models.Model):
    """One step of a version, in order of `position`."""

    class Kind(models.TextChoices):
        ELIGIBILITY = "eligibility", _("Eligibility")
        TECHNICAL = "technical", _("Technical check")
        ETHICS = "ethics", _("Ethics")
        REVIEW = "review", _("Merit review")
        CONSENT = "consent", _("Consent of the site")
        DECISION = "decision", _("Decision")

    class By(models.TextChoices):
        RULE = "rule", _("By rule, at once")
        PERSON = "person", _("By people")

    # Besides the programme's roles: whoever manages a site that is asked for.
    SITE = "site"

    version = models.ForeignKey(TrackVersion, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    by = models.CharField(_("by"), max_length=8, choices=By, default=By.PERSON)
    roles = models.JSONField(_("by whom"), default=list, blank=True)
    persons = models.PositiveSmallIntegerField(
        _("persons"), default=1, help_text=_("So many reviewers, or so many who approve.")
    )
    working_days = models.PositiveSmallIntegerField(_("working days"), default=1)
    silence_consents = models.BooleanField(
        _("silence consents"), default=False, help_text=_("A site that says nothing in time has consented.")
    )

    class Meta:
        verbose_name = _("step of a track")
        verbose_name_plural = _("steps of tracks")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="track_step_position"),
            models.UniqueConstraint(fields=["version", "kind"], name="track_step_kind_once"),
            models.CheckConstraint(name="track_step_persons", condition=models.Q(persons__gt=0)),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.get_kind_display())
