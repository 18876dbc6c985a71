"""Plant a nation at work, for measuring: many projects, people, allocations, requests. ILLUSTRATIVE."""

from argparse import ArgumentParser
from random import Random
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from datacenters.models import Site
from portal.people import demo
from portal.web.load import budgets, people, places, requests, runs
from portal.web.load.size import Size

SEED = 4


class Command(BaseCommand):
    help = (
        "Plant demonstration data in bulk, once: scale 1 is 200 projects, 2,000 people, 5,000 allocations, "
        "300 pending requests. Only in demo mode."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scale", type=float, default=1.0, help="of it; 0.1 is a tenth (default: 1)")

    def handle(self, *args: Any, scale: float, **options: Any) -> None:
        if not settings.DEMO_MODE:
            raise CommandError("This installation isn't in demo mode: it gets no illustrative data.")
        if not 0 < scale <= 20:
            raise CommandError("--scale is more than 0 and at most 20.")
        if Site.objects.filter(code="load-1").exists():
            raise CommandError("The load was planted before. `make reset` begins anew.")
        call_command("demo_seed", stdout=self.stderr)
        size, random = Size.of(scale), Random(SEED)  # noqa: S311 - nothing secret
        with transaction.atomic():
            decider = demo.user("council")
            resources = places.plant(scale)
            projects = people.plant(size, random)
            lines = requests.plant_approved(size, random, projects, resources, decider)
            allocations = budgets.plant(lines, decider)
            requests.approve(lines)
            runs.plant(allocations, random)
            requests.plant_pending(size, random, projects, resources)
        self.stdout.write(
            f"ILLUSTRATIVE load: {len(projects)} projects, {size.users} people, "
            f"{len(allocations)} allocations, {size.pending} pending requests."
        )
