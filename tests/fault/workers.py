"""Real Celery workers on the test's database, to be stopped, killed and followed."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from deploy.lab.state import Process
from deploy.local import processes
from deploy.local.places import CHECKOUT
from portal.celery import app
from portal.foundation.tasks import drain_outbox
from scheduler_bridge import tasks
from tests.cast import Cast

TOKEN_SECONDS = 2
MISS_SECONDS = 1


@pytest.fixture
def workers(cast: Cast, tmp_path: Path) -> Iterator["Workers"]:
    """Ended before the database is emptied."""
    workers = Workers(tmp_path)
    yield workers
    workers.end()


class Workers:
    """Forks of one nest. `beat` is what beat does in life: it wakes them."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "workers.log"
        self._pids: list[int] = []
        app.control.purge()  # wake-ups of earlier tests
        self._nest = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.worker_nest"],
            cwd=CHECKOUT,
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": "portal.settings.test",
                "TAQSEEM_DB_NAME": connection.settings_dict["NAME"],
                "TAQSEEM_DISPATCH_TOKEN_SECONDS": str(TOKEN_SECONDS),
                "TAQSEEM_MISS_INTERVAL_SECONDS": str(MISS_SECONDS),
                "TAQSEEM_KEYS_DIR": str(settings.KEYS_DIR),
                "TAQSEEM_EPOCH_FILE": str(settings.EPOCH_FILE or ""),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("a"),
            text=True,
        )

    def start(self, *, stop_at: str = "", plant: str = "", only: str = "") -> Process:
        """A worker that will stop at this point, or never; with this bug, or none; for one cluster or all."""
        wish = {
            "name": secrets.token_hex(4),
            "log": str(self.log),
            "stop_at": stop_at,
            "plant": plant,
            "only": only,
        }
        print(json.dumps(wish), file=self._nest.stdin, flush=True)
        told = self._nest.stdout.readline()
        assert told, self.log.read_text()
        self._pids.append(int(told))
        return Process.of(int(told))

    def beat(self) -> None:
        for task in (tasks.tick, drain_outbox):
            task.apply_async(expires=5)

    def until(self, condition: Callable[[], bool], what: str, *, seconds: float = 90) -> None:
        """Wake the workers again and again until the condition holds. Raises AssertionError."""

        def holds() -> bool:
            if condition():
                return True
            self.beat()
            return False

        assert processes.wait_until(holds, seconds=seconds, every=0.3), f"{what}\n{self._last_words()}"

    def stopped(self, worker: Process) -> None:
        self.until(lambda: worker.state == "paused", "the worker never came to its point")

    def kill(self, worker: Process) -> None:
        """kill -9, and wait until nothing of it is left, its connections included."""
        worker.signal(signal.SIGKILL)
        assert processes.wait_until(lambda: worker.state == "gone", seconds=10)

    def end(self) -> None:
        for pid in [*self._pids, self._nest.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._nest.wait()

    def said(self, words: str) -> int:
        """How often any worker printed this."""
        return self.log.read_text().count(words)

    def _last_words(self) -> str:
        return processes.last_lines(self.log, 40)
