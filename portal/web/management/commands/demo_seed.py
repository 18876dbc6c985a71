"""Plant the demonstration nation: people, sites and a few projects. ILLUSTRATIVE throughout."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

# Bottom up, as the rooms stand. Each has a module `demo` with an idempotent `seed()`.
ROOMS = (
    "portal.people",
    "datacenters",
    "allocations.projects",
    "allocations.awards",
    "allocations.awards.quotas",
    "allocations.programme",
    "allocations.reviews",
    "allocations.lifecycle",
    "scheduler_bridge",
)


class Command(BaseCommand):
    help = "Plant the demonstration data (idempotent). Only in demo mode."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_MODE:
            raise CommandError("This installation isn't in demo mode: it gets no demo users.")
        with transaction.atomic():
            for room in ROOMS:
                import_module(f"{room}.demo").seed()
        self.stdout.write("Demo data is in place.")
