"""First start: give a new database and its environment their first epoch."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler_bridge.installation import epoch


class Command(BaseCommand):
    help = "Begin the installation's first epoch; does nothing where there is one. Run it at every start."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            begun = epoch.begin()
        except epoch.EpochError as error:
            raise CommandError(str(error)) from error
        if begun:
            self.stdout.write("A new installation: its first epoch has begun.")
        elif problem := epoch.problem():
            self.stderr.write(f"Nothing is sent to any cluster: {problem}")
