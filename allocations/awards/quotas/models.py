"""Caps and floors: how much of a quarter's capacity a group of projects may have at most, or shall have.

A row is never edited: a change ends it and begins the next one of its series, so that it can always be told
what held when an award was made.
"""

from decimal import Decimal
from typing import Any

import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.projects.models import Project
from datacenters.models import Resource
from datacenters.validators import check_quarter
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.codes import CodeField
from portal.people.models import Endorsement, Programme


class ProjectEndorsement(Endorsement):
    """A programme stands for one project, whatever it thinks of the rest of its organisation."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="endorsements")

    class Meta:
        verbose_name = _("endorsement of a project")
        verbose_name_plural = _("endorsements of projects")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "project"],
                condition=Q(withdrawn_at=None),
                name="project_endorsed_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.programme}: {self.project}"

    @property
    def endorsed(self) -> Project:
        return self.project


class ProgrammeOfProject(models.Model):
    """A view: each programme that stands for a project today, by itself or with its organisation; once."""

    id = models.CharField(primary_key=True, max_length=42)
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="standing", db_constraint=False
    )
    programme = models.ForeignKey(
        Programme, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )

    class Meta:
        managed = False
        db_table = "quotas_programme_of_project"

    def __str__(self) -> str:
        return str(self.id)


class Dimension(models.TextChoices):
    """By what a quota tells its group from the others; `value` says which group."""

    CLASS = "class", _("Class of the organisation")
    SECTOR = "sector", _("Sector")
    PROVINCE = "province", _("Province")
    ORGANISATION = "organisation", _("Organisation")
    PROGRAMME = "programme", _("Programme")
    WOMEN_LED = "women_led", _("Women-led organisations")


class Quota(models.Model):
    """`percent` is of the capacity that may be awarded in each quarter; `gpu_seconds` the same every quarter.

    Of one resource, or of all resources together (`resource` null; raw GPU-seconds, added up). One that isn't
    `enforced` is only reported. `ended_at` null: the row holds now.
    """

    class Kind(models.TextChoices):
        CAP = "cap", _("Cap: at most")
        FLOOR = "floor", _("Floor: at least")

    code = CodeField(prefix="quo")
    series = models.CharField(_("series"), max_length=24, editable=False, db_index=True)
    kind = models.CharField(_("kind"), max_length=5, choices=Kind)
    dimension = models.CharField(_("group by"), max_length=12, choices=Dimension)
    value = models.CharField(_("group"), max_length=40, blank=True)
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, related_name="quotas", null=True, blank=True
    )
    percent = models.DecimalField(
        _("percent of the capacity"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )
    gpu_seconds = models.BigIntegerField(_("GPU-seconds per quarter"), null=True, blank=True)
    from_quarter = models.CharField(_("from quarter"), max_length=6, validators=[check_quarter])
    until_quarter = models.CharField(
        _("until quarter"), max_length=6, blank=True, validators=[check_quarter], help_text=_("Included.")
    )
    enforced = models.BooleanField(_("enforced"), default=False)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(_("reason"), max_length=2000)
    created_at = models.DateTimeField(_("set"), default=clock.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    illustrative = models.BooleanField(_("illustrative"), default=False)

    class Meta:
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")
        ordering = ["dimension", "value", "kind", "id"]
        constraints = [
            models.CheckConstraint(
                name="quota_one_amount",
                condition=Q(percent__range=(0, 100), gpu_seconds=None) | Q(percent=None, gpu_seconds__gte=0),
            ),
            models.CheckConstraint(
                name="quota_group",
                condition=Q(dimension=Dimension.WOMEN_LED, value="")
                | ~Q(dimension=Dimension.WOMEN_LED) & ~Q(value=""),
            ),
            models.CheckConstraint(
                name="quota_quarters",
                condition=Q(until_quarter="") | Q(until_quarter__gte=models.F("from_quarter")),
            ),
            models.UniqueConstraint(
                fields=["series"], condition=Q(ended_at=None), name="quota_one_of_a_series"
            ),
        ]
        triggers = [
            # Only the end may be added, once.
            pgtrigger.Trigger(
                name="written_once",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func=(
                    "IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL "
                    "OR (to_jsonb(NEW) - 'ended_at' - 'ended_by_id') "
                    "IS DISTINCT FROM (to_jsonb(OLD) - 'ended_at' - 'ended_by_id') THEN "
                    "RAISE EXCEPTION 'a quota is never edited: it ends, and another one begins' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="kept_truncate",
                level=pgtrigger.Statement,
                operation=pgtrigger.Truncate,
                when=pgtrigger.Before,
                func="RAISE EXCEPTION 'pgtrigger: Cannot truncate rows from % table', TG_TABLE_NAME;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.get_dimension_display()} {self.value}".strip()

    def get_absolute_url(self) -> str:
        return reverse("quota", args=[self.code])

    @property
    def group(self) -> tuple[str, str]:
        return self.dimension, self.value

    def holds_in(self, quarter: Quarter) -> bool:
        """Whether it is for this quarter; quarters are written so that they sort as they follow."""
        return self.from_quarter <= str(quarter) and (
            not self.until_quarter or str(quarter) <= self.until_quarter
        )

    def target_of(self, capacity: int) -> int:
        """Its GPU-seconds of a quarter in which `capacity` may be awarded; parts of one are dropped."""
        if self.gpu_seconds is not None:
            return min(self.gpu_seconds, capacity) if self.kind == self.Kind.FLOOR else self.gpu_seconds
        assert self.percent is not None  # noqa: S101 - the table's CHECK sees to it
        return int(capacity * self.percent / 100)

    def snapshot(self) -> dict[str, Any]:
        """What the audit tells of it."""
        return {
            "kind": self.kind,
            "dimension": self.dimension,
            "value": self.value,
            "resource": self.resource.code if self.resource else None,
            "percent": str(self.percent) if self.percent is not None else None,
            "gpu_seconds": self.gpu_seconds,
            "from_quarter": self.from_quarter,
            "until_quarter": self.until_quarter,
            "enforced": self.enforced,
        }
