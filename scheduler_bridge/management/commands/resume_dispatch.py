"""After a restore: look up every open job, then let work go on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datacenters.models import Cluster
from scheduler_bridge.installation.epoch import EpochError
from scheduler_bridge.installation.resume import CannotResume, resume


class Command(BaseCommand):
    help = (
        "After the database was restored from a backup: look up every open job on its cluster, then let "
        "sending, limits and cancels go on. Takes about a minute."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--without",
            metavar="CLUSTER",
            action="append",
            default=[],
            help="leave this cluster switched off",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = set(options["without"])
        without = list(Cluster.objects.filter(code__in=wanted))
        if unknown := wanted - {cluster.code for cluster in without}:
            raise CommandError(f"There is no cluster {', '.join(sorted(unknown))}.")
        try:
            resume(without=without, tell=self.stdout.write)
        except (CannotResume, EpochError) as error:
            raise CommandError(str(error)) from error
