"""Pages on a nation of 5,000 allocations: queries, weight, time; as admin, as `make run` serves them."""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.figures import Figure
from bench.nation import running
from bench.stage import database, queue, scratch_directory
from deploy.local import processes
from deploy.local.places import CHECKOUT
from deploy.local.services import DATABASE, OWNER

WARM_UPS, TIMES = 3, 20
HEADER = "X-Bench-Queries"  # as `counting` sets it, which only the server can import


def measure() -> Iterator[Figure]:
    with scratch_directory() as scratch, queue(), database() as postgres:
        from django.core.management import call_command

        call_command("demo_load", stdout=sys.stderr)
        # Else the planner knows nothing of what came in one go; in life autovacuum tells it.
        with postgres.connect(OWNER, DATABASE) as connection, connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        with web(scratch) as address, httpx.Client(base_url=address, cookies=signed_in()) as browser:
            for name, path in paths().items():
                yield from page(browser, name, path)


def page(browser: httpx.Client, name: str, path: str) -> Iterator[Figure]:
    seconds = []
    for turn in range(WARM_UPS + TIMES):
        started = time.perf_counter()
        response = browser.get(path)
        if turn >= WARM_UPS:
            seconds.append(time.perf_counter() - started)
        if response.status_code != 200:
            raise SystemExit(f"{path}: {response.status_code}")
    yield Figure(f"page_{name}_queries", int(response.headers[HEADER]), "")
    yield Figure(f"page_{name}_kb", response.num_bytes_downloaded / 1000, "kB")
    yield Figure(f"page_{name}_ms", statistics.median(seconds) * 1000, "ms")


def paths() -> dict[str, str]:
    """Where each page is; of a kind of thing the one with the most behind it."""
    from django.db.models import Count
    from django.urls import reverse

    from allocations.programme.selectors import pending_for
    from allocations.projects.models import Project
    from portal.people import demo
    from scheduler_bridge.models import Job

    job = Job.objects.filter(allocation__state="active").latest("pk")
    project = Project.objects.annotate(count=Count("allocations")).latest("count")
    pending = pending_for(demo.user("admin"))[0]
    return {
        "home": reverse("home"),
        "request_list": reverse("requests"),
        "pending_requests": reverse("requests_pending"),
        "allocation_list": reverse("allocations"),
        "allocation_detail": job.allocation.get_absolute_url(),
        "project_detail": project.get_absolute_url(),
        "decision": reverse("request_decide", args=[pending.code]),
        "job_list": reverse("jobs"),
        "job_detail": job.get_absolute_url(),
    }


def signed_in() -> dict[str, str]:
    """The cookie of a session of the demo admin's."""
    from django.conf import settings
    from django.test import Client

    from portal.people import demo

    client = Client()
    client.force_login(demo.user("admin"), backend="portal.people.backends.SignInBackend")
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


@contextmanager
def web(scratch: Path) -> Iterator[str]:
    """A web server with the size of `make run`'s, and its address."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "bench.counting",
        "TAQSEEM_RUN_DIR": str(scratch / "run"),
    }
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


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
