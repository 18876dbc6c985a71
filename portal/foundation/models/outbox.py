"""Work that must follow a committed change: written with the change, done after it."""

from django.db import models
from django.db.models.functions import Now


class OutboxRow(models.Model):
    """One message for one topic. `key` (optional) names it for people."""

    topic = models.CharField(max_length=60)
    key = models.CharField(max_length=120, blank=True)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.IntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                name="outbox_due",
                condition=models.Q(done_at__isnull=True, failed_at__isnull=True),
            ),
            # What isn't done, among ever more that is: for those who look after it.
            models.Index(fields=["topic"], name="outbox_undone", condition=models.Q(done_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key or self.pk}"
