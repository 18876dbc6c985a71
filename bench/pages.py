"""Pages on a nation of 5,000 allocations: queries, weight, time; as admin, as `make run` serves them."""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench.figures import Figure
from bench.server import web
from bench.stage import database, queue, scratch_directory
from deploy.local.services import DATABASE, OWNER

WARM_UPS, TIMES = 3, 20
HEADER = "X-Bench-Queries"  # as `counting` sets it, which only the server can import


def measure() -> Iterator[Figure]:
    with scratch_directory() as scratch, queue():
        os.environ["TAQSEEM_RUN_DIR"] = str(scratch / "run")
        yield from on_a_loaded_nation(scratch)


def on_a_loaded_nation(scratch: Path) -> Iterator[Figure]:
    with database() as postgres:
        from django.core.management import call_command

        call_command("demo_load", stdout=sys.stderr)
        # Else the planner knows nothing of what came in one go; in life autovacuum tells it.
        with postgres.connect(OWNER, DATABASE) as connection, connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        server = web(scratch, settings="bench.counting")
        with server as address, httpx.Client(base_url=address, cookies=signed_in()) as browser:
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
