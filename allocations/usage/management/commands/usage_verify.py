"""Compare usage with the ledger and name the first difference."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from allocations.usage.models import UsageRecord
from allocations.usage.verification import first_difference


class Command(BaseCommand):
    help = (
        "Compare the usage of every allocation with what the ledger spent, and the days of the reports with "
        "the runs behind them. Fails, naming the first difference. May run while the portal works."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if found := first_difference():
            raise CommandError(str(found))
        self.stdout.write(f"Usage and ledger agree: {UsageRecord.objects.count()} runs.")
