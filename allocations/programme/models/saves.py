"""What is known of the saves of a draft."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from allocations.programme.models.request import AllocationRequest


class DraftSaves(models.Model):
    """The latest saves of one part of a draft, the oldest first: pairs of a save's name and what it wrote.

    In the database and not in a cache: a save is known exactly if it was committed.
    """

    request = models.ForeignKey(AllocationRequest, on_delete=models.CASCADE, related_name="saves")
    place = models.CharField(_("part of the form"), max_length=40)
    known = models.JSONField(_("saves"), default=list)

    class Meta:
        verbose_name = _("saves of a draft")
        verbose_name_plural = _("saves of drafts")
        constraints = [models.UniqueConstraint(fields=["request", "place"], name="draft_saves_once")]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.place}"
