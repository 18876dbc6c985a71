"""Recompute the ledger and name the first discrepancy."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from allocations.ledger.models import LedgerAccount, Posting
from allocations.ledger.verification import first_discrepancy


class Command(BaseCommand):
    help = (
        "Recompute every balance and hold from the transfers. Fails, naming the first that doesn't agree. "
        "May run while the portal works."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if found := first_discrepancy():
            raise CommandError(str(found))
        self.stdout.write(
            f"The ledger agrees: {LedgerAccount.objects.count()} ledger accounts, "
            f"{Posting.objects.count()} postings."
        )
