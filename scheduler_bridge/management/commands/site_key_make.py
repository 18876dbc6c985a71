"""Make or change the portal's key for a site, and print what the site has to know of it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from datacenters.models import Cluster
from portal.foundation.errors import DomainError
from scheduler_bridge.sites import keys
from scheduler_bridge.sites.clients import key_path


class Command(BaseCommand):
    help = (
        "Make the portal's own signing key (RS256) for a cluster, unless there is one, and print its public "
        "half for the site. Run it as the user that the portal runs as. See docs/site-proxy.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("cluster", help="the cluster's code")
        step = parser.add_mutually_exclusive_group()
        step.add_argument(
            "--next", action="store_true", help="make the key that is to follow; nothing changes yet"
        )
        step.add_argument("--switch", action="store_true", help="sign with the following key from now on")

    def handle(self, *args: Any, **options: Any) -> None:
        cluster = Cluster.objects.filter(code=options["cluster"]).first()
        if cluster is None:
            known = ", ".join(Cluster.objects.values_list("code", flat=True)) or "none"
            raise CommandError(f"There is no cluster {options['cluster']}. The clusters are: {known}.")
        step = keys.site_key_make
        if options["next"]:
            step = keys.site_key_make_next
        elif options["switch"]:
            step = keys.site_key_switch
        try:
            made = step(cluster=cluster)
        except DomainError as error:
            raise CommandError(error.text) from error
        except (OSError, ValueError) as error:
            raise CommandError(f"{key_path(cluster, '.pem').name}: {error}") from error
        for name, content in made.for_the_site.items():
            self.stdout.write(f"# {name}\n{content}")
        wanted = key_path(cluster, ".pem").name
        if not cluster.signer.endswith(".pem"):
            self.stderr.write(
                f"The portal still signs for {cluster.code} with {cluster.key_name}: once the site has these "
                f"files, set the cluster's signing key to {wanted}."
            )
