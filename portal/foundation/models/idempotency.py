"""Replies kept per key, so that a repeated POST gets its first answer and does nothing twice."""

from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """One (person, key), written in the transaction of what was done under it."""

    user_code = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 over method, path and body.")
    status = models.IntegerField(default=0)
    reply = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_code", "key"], name="idempotency_once")]
