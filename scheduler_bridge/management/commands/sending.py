"""The kill switches from the command line: `sending stop` and `sending resume`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datacenters.models import Cluster
from portal.foundation.errors import DomainError
from scheduler_bridge.installation import standing
from scheduler_bridge.installation.services import sending_resume, sending_stop


class Command(BaseCommand):
    help = "Stop sending jobs to all sites or to one cluster, let it go on, or say how it stands."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["stop", "resume", "status"])
        parser.add_argument("--cluster", help="its code; without it, all sites")
        parser.add_argument("--reason", default="", help="kept in the audit and shown to admins")

    def handle(self, *args: Any, **options: Any) -> None:
        cluster = self._cluster(options["cluster"])
        if options["action"] != "status":
            act = sending_stop if options["action"] == "stop" else sending_resume
            try:
                act(actor=None, cluster=cluster, reason=options["reason"])
            except DomainError as error:
                raise CommandError(error.text) from error
        troubles = standing.troubles()
        for trouble in troubles:
            self.stdout.write(f"{trouble.text}\n    {trouble.remedy}")
        if not troubles:
            self.stdout.write("Jobs are sent to all sites.")

    def _cluster(self, code: str | None) -> Cluster | None:
        try:
            return Cluster.objects.get(code=code) if code else None
        except Cluster.DoesNotExist as error:
            raise CommandError(f"There is no cluster {code}.") from error
