"""Check that nothing in the audit was changed, removed or reordered."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.foundation.services import seal


class Command(BaseCommand):
    help = "Recompute every seal from the rows as they are now; names the first bad row."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--max-unsealed-seconds",
            type=int,
            default=300,
            help="fail where a row waits longer (default 300)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = seal.verify()
        self.stdout.write(
            f"{verdict.seals} seals over {verdict.rows} rows; {verdict.unsealed} rows unsealed, "
            f"the oldest for {verdict.oldest_unsealed.total_seconds():.0f} s"
        )
        if verdict.fault:
            raise CommandError(verdict.fault)
        if verdict.oldest_unsealed.total_seconds() > options["max_unsealed_seconds"]:
            raise CommandError("Rows wait unsealed for too long: is the sealer running?")
        self.stdout.write(f"All is as it was sealed. Head: {verdict.head}")
