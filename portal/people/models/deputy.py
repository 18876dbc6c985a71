"""Who stands in for somebody who decides, and when."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from portal.foundation import clock
from portal.foundation.codes import CodeField
from portal.foundation.models import Record


class DeputyQuerySet(models.QuerySet["Deputy"]):
    def in_force(self) -> "DeputyQuerySet":
        """Those that count today: nobody stands in for a person whose access was ended."""
        today = clock.today()
        return self.filter(
            starts_on__lte=today, ends_on__gte=today, ended_at__isnull=True, person__is_active=True
        )

    def open(self) -> "DeputyQuerySet":
        """Those that count today or later."""
        return self.filter(ends_on__gte=clock.today(), ended_at__isnull=True)


class Deputy(Record):
    """`deputy` may decide in the seat of `person` from `starts_on` to `ends_on`, both included."""

    code = CodeField(prefix="dep")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deputies")
    deputy = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="stand_ins")
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    reason = models.TextField(_("reason"))
    ended_at = models.DateTimeField(_("ended early"), null=True, blank=True)

    objects = DeputyQuerySet.as_manager()

    class Meta:
        verbose_name = _("deputy")
        verbose_name_plural = _("deputies")
        ordering = ["-starts_on", "-id"]
        constraints = [
            models.CheckConstraint(name="deputy_not_oneself", condition=~models.Q(person=models.F("deputy"))),
            models.CheckConstraint(
                name="deputy_period", condition=models.Q(starts_on__lte=models.F("ends_on"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deputy} · {self.person}"

    def get_absolute_url(self) -> str:
        """Where both see it: it has no page of its own."""
        return reverse("deputies")

    @property
    def state(self) -> str:
        """ended, planned, active or expired: derived from the days."""
        today = clock.today()
        if self.ended_at:
            return "ended"
        if today < self.starts_on:
            return "planned"
        return "active" if today <= self.ends_on else "expired"

    @property
    def is_open(self) -> bool:
        """Whether it counts today or later, so that ending it means something."""
        return self.state in {"planned", "active"}

    def get_state_display(self) -> str:
        return str(
            {"ended": _("Ended early"), "planned": _("Planned"), "active": _("In force")}.get(
                self.state, _("Over")
            )
        )
