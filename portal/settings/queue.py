"""The queue: Celery on Redis or Valkey, and what beat starts when."""

from celery.schedules import crontab

from portal.settings import env

REDIS_URL = env.text("TAQSEEM_REDIS_URL", "redis://localhost:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ROUTES = {"scheduler_bridge.*": {"queue": "bridge"}}
CELERY_BEAT_SCHEDULE = {
    "heartbeat": {"task": "portal.foundation.tasks.heartbeat", "schedule": 5, "options": {"expires": 10}},
    "outbox": {"task": "portal.foundation.tasks.drain_outbox", "schedule": 2, "options": {"expires": 4}},
    "bridge": {"task": "scheduler_bridge.tasks.tick", "schedule": 3, "options": {"expires": 6}},
    # Consents by silence, overdue steps; and the waiting list, should a wake-up have been lost.
    "steps": {
        "task": "allocations.programme.tasks.sweep_steps",
        "schedule": 60,
        "options": {"expires": 50},
    },
    "waiting": {
        "task": "allocations.programme.tasks.serve_waiting",
        "schedule": crontab(minute=20),
        "options": {"expires": 3000},
    },
    "provision": {
        "task": "scheduler_bridge.tasks.provision_waiting",
        "schedule": 15,
        "options": {"expires": 30},
    },
    "compare": {
        "task": "scheduler_bridge.tasks.compare_all",
        "schedule": 300,
        "options": {"expires": 240},
    },
    # In the small hours of Pakistan.
    "preflight": {
        "task": "scheduler_bridge.sites.preflight.tasks.preflight_nightly",
        "schedule": crontab(hour=22, minute=10),
        "options": {"expires": 3600},
    },
    "digests": {
        "task": "portal.notices.tasks.make_digests",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 800},
    },
    # In the forenoon of Pakistan; each step is told once, however often this runs.
    "lapses": {
        "task": "portal.people.tasks.remind_of_lapses",
        "schedule": crontab(hour="4-9", minute=15),
        "options": {"expires": 3000},
    },
    # A quarter's rest lapses on the day after it; an outage that goes on takes more each day.
    "capacity": {
        "task": "allocations.awards.tasks.keep_capacity",
        "schedule": crontab(hour=19, minute=20),
        "options": {"expires": 3600},
    },
    "ledger": {
        "task": "allocations.ledger.tasks.verify_ledger",
        "schedule": crontab(hour=22, minute=40),
        "options": {"expires": 3600},
    },
    # Reviews: reminders, what expires, what isn't needed any more.
    "reviews": {
        "task": "allocations.reviews.tasks.sweep_reviews",
        "schedule": crontab(minute=20),
        "options": {"expires": 3000},
    },
    # Unused GPU-hours: warnings, and what they lead to.
    "reclaim": {
        "task": "allocations.lifecycle.tasks.reclaim_nightly",
        "schedule": crontab(hour=21, minute=30),
        "options": {"expires": 3600},
    },
    # Reports that come due, and changes of allocations that have ended.
    "lifecycle": {
        "task": "allocations.lifecycle.tasks.lifecycle_daily",
        "schedule": crontab(hour="3-15/4", minute=35),
        "options": {"expires": 3000},
    },
    # Allocations end at midnight in Pakistan; hourly, so that a missed hour costs an hour.
    "sweep": {
        "task": "allocations.awards.tasks.sweep_allocations",
        "schedule": crontab(minute=5),
        "options": {"expires": 3000},
    },
    "classrooms": {
        "task": "allocations.projects.tasks.end_classrooms",
        "schedule": crontab(minute=7),
        "options": {"expires": 3000},
    },
    "usage_reminders": {
        "task": "allocations.awards.tasks.remind_of_usage",
        "schedule": 300,
        "options": {"expires": 240},
    },
    # From eight in the morning in Pakistan: nobody's telephone rings at midnight.
    "end_reminders": {
        "task": "allocations.awards.tasks.remind_of_ends",
        "schedule": crontab(hour="3-15", minute=10),
        "options": {"expires": 3000},
    },
}
