"""What a project was told about an allocation, so that it is told once."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from allocations.awards.models.allocation import Allocation


class Reminder(models.Model):
    """One thing told of one allocation: `usage_90` of a budget, `ends_7` before a last day.

    `about` is that budget (GPU-seconds) or day: where it changes, what is told of it can be told anew.
    """

    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="reminders")
    kind = models.CharField(_("kind"), max_length=12)
    about = models.CharField(_("about"), max_length=20)
    told_at = models.DateTimeField(_("told"), auto_now_add=True)

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["allocation", "kind", "about"], name="reminder_once")]

    def __str__(self) -> str:
        return f"{self.allocation_id} {self.kind}"
