"""The Celery application: wake-ups only. What must not be lost lives in the outbox (PostgreSQL)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.local")

app = Celery("taqseem")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
