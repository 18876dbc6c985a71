"""The portal's own processes for a benchmark, as `make run` starts them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.nation import running
from deploy.local import processes
from deploy.local.places import CHECKOUT


@contextmanager
def web(scratch: Path, *, settings: str = "portal.settings.local") -> Iterator[str]:
    """A web server of the size of `make run`'s, and its address."""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": settings}
    # The figures alone go to standard output.
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"],
        cwd=CHECKOUT,
        env=environment,
        stdout=sys.stderr,
        check=True,
    )
    port = free_port()
    log = scratch / "web.log"
    options = ["--interface=wsgi", f"--port={port}", "--workers=2", "--blocking-threads=16", "--no-ws"]
    command = [sys.executable, "-m", "granian", *options, "portal.wsgi:application"]
    with running(command, log, env=environment):
        address = f"http://127.0.0.1:{port}"
        if not processes.wait_until(lambda: answers(address), seconds=60):
            raise SystemExit(processes.last_lines(log))
        yield address


@contextmanager
def beat(scratch: Path) -> Iterator[None]:
    """What wakes the worker at its times."""
    options = [f"--schedule={scratch / 'beat-schedule'}", "--pidfile=", "--loglevel=ERROR"]
    command = [sys.executable, "-m", "celery", "--app=portal", "--quiet", "beat", *options]
    with running(command, scratch / "beat.log"):
        yield


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
