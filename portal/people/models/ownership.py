"""Members who ask to manage an organisation that nobody manages."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.people.models.organisation import Organisation


class OwnershipRequest(Record):
    """A programme admin answers it; by rule only where the asker is the institution's focal person."""

    class State(models.TextChoices):
        PENDING = "pending", _("Awaiting an answer")
        CONFIRMED = "confirmed", _("Confirmed")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    code = CodeField(prefix="own")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="ownership_requests"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(_("reason"), max_length=2000)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True, max_length=2000)

    class Meta:
        verbose_name = _("request to manage an organisation")
        verbose_name_plural = _("requests to manage an organisation")
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user"], condition=Q(state="pending"), name="ownership_asked_once"
            ),
            models.CheckConstraint(
                name="ownership_state",
                condition=Q(state__in=["pending", "confirmed", "declined", "withdrawn"]),
            ),
            models.CheckConstraint(
                name="ownership_not_by_oneself",
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("user")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation}"

    def get_absolute_url(self) -> str:
        """It has no page of its own: it stands on the organisation's."""
        return self.organisation.get_absolute_url()
