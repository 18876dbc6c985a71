"""Expire allocations whose last day is over and close those that nothing holds, as beat does each hour."""

from typing import Any

from django.core.management.base import BaseCommand

from allocations.awards.services import allocations_sweep


class Command(BaseCommand):
    help = "Expire ended allocations, return what is left of them, and close those that no job holds."

    def handle(self, *args: Any, **options: Any) -> None:
        done = allocations_sweep()
        self.stdout.write(f"Expired {done['expired']}, closed {done['closed']}.")
