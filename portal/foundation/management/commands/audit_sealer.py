"""The one process that seals the audit, each second."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections

from portal.foundation.services import heartbeat, seal


class Command(BaseCommand):
    help = "Seal the audit's committed rows each second until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stopped.set())
        while not stopped.is_set():
            try:
                while seal.seal_once():
                    pass
                heartbeat.beat("sealer")
            except Error as error:
                # The database may be restarting: say so, and try again on a new connection.
                self.stderr.write(f"The audit couldn't be sealed: {error}")
                close_old_connections()
            stopped.wait(1)
