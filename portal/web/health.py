"""Is it up (`/healthz`), and is every part of it at work (`/readyz`)?"""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from datacenters.models import Cluster
from portal.foundation.services import heartbeat
from scheduler_bridge.installation import standing


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Each part and how it is; 503 where a part that everything needs is missing. Sites only inform."""
    ready, parts = readiness()
    return JsonResponse({"status": "ready" if ready else "not ready", **parts}, status=200 if ready else 503)


@never_cache
def status(request: HttpRequest) -> HttpResponse:
    """The same for people."""
    ready, parts = readiness()
    sites = parts.pop("sites")
    return render(request, "web/status.html", {"ready": ready, "parts": named(parts), "sites": sites})


def readiness() -> tuple[bool, dict[str, Any]]:
    parts: dict[str, Any] = {
        "database": _try(_database),
        "queue": _try(_queue),
        "worker": _try(lambda: _alive("worker")),
        "beat": _try(lambda: _alive("beat")),
        "sealer": _try(lambda: _alive("sealer")),
    }
    ready = all(part["ok"] for part in parts.values())
    parts["sending"] = _try(_sending) if parts["database"]["ok"] else {"ok": False, "detail": ""}
    parts["sites"] = _try(_sites)["detail"] if parts["database"]["ok"] else {}
    return ready, parts


def named(parts: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each part under the name that people know."""
    names = {
        "database": _("Database"),
        "queue": _("Queue"),
        "worker": _("Background work"),
        "beat": _("Timer"),
        "sealer": _("Audit sealer"),
        "sending": _("Sending of jobs"),
    }
    return [(names[key], part) for key, part in parts.items()]


def _try(check: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": check()}
    except Exception as error:
        return {"ok": False, "detail": f"{type(error).__name__}: {error}"[:400]}


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "answers"


def _queue() -> str:
    cache.set("readyz", 1, timeout=10)
    if cache.get("readyz") != 1:
        raise RuntimeError("forgets what it was told")
    return "answers"


def _alive(part: str) -> str:
    seconds = heartbeat.age(part)
    if seconds is None:
        raise RuntimeError("has given no sign of life yet")
    if seconds >= heartbeat.STALE_AFTER_SECONDS:
        raise RuntimeError(f"last sign of life {seconds:.0f} s ago")
    return f"alive {seconds:.0f} s ago"


def _sending() -> str:
    """Informs only: while nothing may be sent, people go on working with the portal."""
    if lines := standing.told_to_all():
        raise RuntimeError(". ".join(lines))
    return "to all sites"


def _sites() -> dict[str, Any]:
    return {
        cluster.site.code: {
            "ok": cluster.seen_at is not None and not cluster.problem,
            "name": cluster.site.name,
            "sandbox": cluster.is_sandbox,
            "seen_at": cluster.seen_at,
            "problem": bool(cluster.problem),
        }
        for cluster in Cluster.objects.filter(is_enabled=True).select_related("site")
    }
