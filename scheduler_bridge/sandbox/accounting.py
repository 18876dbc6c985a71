"""What slurmdbd knows of jobs and when it knows it, in words of no REST version."""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from .cluster import VirtualCluster
from .jobs import Job, Run
from .reply import Reply, Stop


class Search(msgspec.Struct, kw_only=True):
    """Which records are wanted; empty means all. `window` in epoch seconds; ids ignore it."""

    window: tuple[float, float]
    cluster: str = ""
    names: Collection[str] = ()
    ids: Collection[str] = ()
    users: Collection[str] = ()
    accounts: Collection[str] = ()
    duplicates: bool = True
    """Whether the runs that a requeue ended are wanted as well."""


def find(cluster: VirtualCluster, search: Search, seen_at: float) -> Iterator[tuple[Job, Run]]:
    """The runs that slurmdbd knew at `seen_at` and that match."""
    if search.cluster not in (cluster.config.name, ""):
        return
    jobs = cluster.named(search.names) if search.names else cluster.jobs.values()
    for job in jobs:
        if search.ids and str(job.id) not in search.ids:
            continue
        if search.users and job.wish.user not in search.users:
            continue
        if search.accounts and job.wish.account not in search.accounts:
            continue
        runs = [*job.earlier, job.run] if search.duplicates else [job.run]
        yield from ((job, run) for run in runs if _visible(run, search, seen_at))


def _visible(run: Run, search: Search, seen_at: float) -> bool:
    """Whether slurmdbd has heard of the run, and whether it touches the window. A run without an eligible
    time (held) is found by its id alone."""
    if search.ids:
        return run.submit <= seen_at
    if not run.eligible or max(run.submit, min(run.eligible, seen_at)) > seen_at:
        return False
    return run.eligible < search.window[1] and (not run.end or run.end >= search.window[0])


def words(text: str | None) -> list[str]:
    return [word for word in (text or "").split(",") if word]


def body_rows(body: bytes, key: str) -> list[dict[str, Any]] | None:
    """The rows of a write, None when the body has no such key. Raises Stop when it is no JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, list[dict[str, Any]]]).get(key)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Stop(Reply(400, b"Unable to parse query.")) from None


def tres_limit(rows: list[dict[str, Any]] | None) -> dict[str, int]:
    """TRES limits as a map; a negative count is no limit."""
    found = {}
    for row in rows or ():
        if row.get("count", -1) >= 0:
            found[f"{row['type']}/{row['name']}" if row.get("name") else row["type"]] = int(row["count"])
    return found


def tres_limits(tres: dict[str, Any]) -> dict[str, dict[str, int]]:
    """All TRES limits of a write, those that it leaves out empty."""
    return {name: tres_limit(rows) for name, rows in sent_tres(tres).items()}


def sent_tres(tres: dict[str, Any]) -> dict[str, list[dict[str, Any]] | None]:
    """By our own names, what a write says of each kind of TRES limit."""
    group, minutes, per = (tres.get(key) or {} for key in ("group", "minutes", "per"))
    return {
        "group_minutes": group.get("minutes"),
        "group_running": group.get("active"),
        "group_total": tres.get("total"),
        "job_minutes": (minutes.get("per") or {}).get("job"),
        "job_total": per.get("job"),
        "node_total": per.get("node"),
        "own_running": minutes.get("total"),
    }
