"""Make the days of the reports anew."""

from typing import Any

from django.core.management.base import BaseCommand

from allocations.usage.services import cube_rebuild


class Command(BaseCommand):
    help = "Make the daily cube anew from the runs and their corrections. Ingestion waits meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"The cube was made anew from {cube_rebuild()} runs.")
