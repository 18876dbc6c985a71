"""The slurmdb half of the API: job records behind a lag, accounts, users, associations."""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from . import render
from .cluster import VirtualCluster
from .jobs import Job, Run
from .reply import Reply, Stop, refusal, warning


class Call(Protocol):
    """What these handlers need of a call."""

    @property
    def cluster(self) -> VirtualCluster: ...
    @property
    def body(self) -> bytes: ...
    @property
    def query(self) -> dict[str, str]: ...
    @property
    def part(self) -> str: ...


def _nothing(call_name: str, source: str) -> list[dict[str, str]]:
    return [warning(f"{call_name}(0x7f0a9c003bc0) found nothing", source)]


def job_list(cluster: VirtualCluster, query: dict[str, str]) -> Reply:
    """The records that match; unknown filters are ignored, as by the real one."""
    seen_at = cluster.now - cluster.settings.slurmdb_lag_s
    window = (float(query.get("start_time") or 0), float(query.get("end_time") or cluster.now))
    clip = query.get("skip_steps") == "true" and query.get("disable_truncate_usage_time") != "true"
    duplicates = query.get("show_duplicates") == "true"
    rows = [
        render.run_row(job, run, cluster.config.name, seen_at, window if clip else None)
        for job in _candidates(cluster, query)
        for run in ([*job.earlier, job.run] if duplicates else [job.run])
        if _visible(run, seen_at, None if query.get("step") else window)
    ]
    if not rows:
        return Reply(200, {"jobs": [], "warnings": _nothing("slurmdb_jobs_get", "_dump_jobs")})
    return Reply(200, {"jobs": rows})


def _candidates(cluster: VirtualCluster, query: dict[str, str]) -> Iterator[Job]:
    if query.get("cluster", cluster.config.name) not in (cluster.config.name, ""):
        return
    jobs = cluster.named(query["job_name"].split(",")) if query.get("job_name") else cluster.jobs.values()
    ids = {part for part in query.get("step", "").split(",") if part}
    users = {part for part in query.get("users", "").split(",") if part}
    accounts = {part for part in query.get("account", "").split(",") if part}
    for job in jobs:
        if ids and str(job.id) not in ids:
            continue
        if users and job.wish.user not in users:
            continue
        if accounts and job.wish.account not in accounts:
            continue
        yield job


def _visible(run: Run, seen_at: float, window: tuple[float, float] | None) -> bool:
    """Whether slurmdbd has heard of the run, and whether it touches the window. A run without an eligible
    time (held) is found by its id alone."""
    if window is None:
        return run.submit <= seen_at
    if not run.eligible or max(run.submit, min(run.eligible, seen_at)) > seen_at:
        return False
    return run.eligible < window[1] and (not run.end or run.end >= window[0])


def associations(call: Call) -> Reply:
    wanted = call.query
    rows = [
        render.association(assoc, call.cluster.book, call.cluster.config.name)
        for assoc in call.cluster.book.assocs.values()
        if wanted.get("cluster", call.cluster.config.name) == call.cluster.config.name
        and assoc.account in wanted.get("account", assoc.account).split(",")
        and assoc.user in wanted.get("user", assoc.user).split(",")
    ]
    if not rows:
        nothing = _nothing("slurmdb_associations_get", "_dump_assoc_cond")
        return Reply(200, {"associations": [], "warnings": nothing})
    return Reply(200, {"associations": rows})


def write_associations(call: Call) -> Reply:
    for row in _rows(call.body, "associations"):
        if "user" not in row:
            text = "Missing required field 'user' in dictionary"
            return refusal(500, 9200, "Unable to resolve path", "#/associations[0]/user/", text)
        if row.get("cluster") not in (call.cluster.config.name, None, ""):
            continue
        most = row.get("max") or {}
        call.cluster.record(
            "assoc",
            account=row.get("account") or "",
            user=row["user"],
            parent=row.get("parent_account"),
            limits=_limits(most.get("jobs") or {}, most.get("tres") or {}),
            qos=row.get("qos"),
        )
    return Reply(200, {})


def _limits(jobs: dict[str, Any], tres: dict[str, Any]) -> dict[str, Any]:
    group = tres.get("group") or {}
    limits: dict[str, Any] = {
        "group_minutes": _tres(group.get("minutes")),
        "group_running": _tres(group.get("active")),
        "group_total": _tres(tres.get("total")),
        "job_minutes": _tres(((tres.get("minutes") or {}).get("per") or {}).get("job")),
        "job_total": _tres((tres.get("per") or {}).get("job")),
    }
    numbers = {
        "active_jobs": jobs.get("active"),
        "submit_jobs": jobs.get("total"),
        "wall_minutes": (jobs.get("per") or {}).get("wall_clock"),
    }
    for name, value in numbers.items():
        if isinstance(value, dict) and value.get("infinite"):
            limits[name] = None
        elif isinstance(value, dict) and value.get("set"):
            limits[name] = int(value["number"])
    return limits


def _tres(rows: list[dict[str, Any]] | None) -> dict[str, int]:
    found = {}
    for row in rows or ():
        if row.get("count", -1) >= 0:
            found[f"{row['type']}/{row['name']}" if row.get("name") else row["type"]] = int(row["count"])
    return found


def account(call: Call) -> Reply:
    found = call.cluster.book.accounts.get(call.part)
    if found is None:
        return Reply(200, {"accounts": [], "warnings": _nothing("slurmdb_accounts_get", "_dump_accounts")})
    return Reply(200, {"accounts": [found | {"associations": [], "coordinators": [], "flags": []}]})


def write_accounts(call: Call) -> Reply:
    for row in _rows(call.body, "accounts"):
        call.cluster.record(
            "account",
            name=row.get("name") or "",
            description=row.get("description") or "",
            organization=row.get("organization") or "",
        )
    return Reply(200, {})


def user(call: Call) -> Reply:
    found = call.cluster.book.users.get(call.part)
    if found is None:
        return Reply(200, {"users": [], "warnings": _nothing("slurmdb_users_get", "_dump_users")})
    level = "Administrator" if found["name"] in call.cluster.config.admins else "None"
    row = {"name": found["name"], "administrator_level": [level], "default": {"account": "", "wckey": ""}}
    return Reply(200, {"users": [row | {"flags": ["NONE"], "associations": [], "coordinators": []}]})


def write_users(call: Call) -> Reply:
    for row in _rows(call.body, "users"):
        default = (row.get("default") or {}).get("account") or ""
        call.cluster.record("user", name=row.get("name") or "", account=default)
    return Reply(200, {})


def _rows(body: bytes, key: str) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = msgspec.json.decode(body, type=dict[str, list[dict[str, Any]]])[key]
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        raise Stop(Reply(400, b"Unable to parse query.")) from None
    return rows
