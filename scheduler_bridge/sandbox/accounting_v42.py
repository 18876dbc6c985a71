"""The slurmdb half of v0.0.42: job records behind a lag, accounts, users, associations."""

from typing import Any

from . import render
from . import render_v42 as render_42
from .accounting import Search, body_rows, find, tres_limits, words
from .reply import Reply, Stop, refusal, warning
from .routes import Call


def _nothing(call_name: str, source: str) -> list[dict[str, str]]:
    return [warning(f"{call_name}(0x7f0a9c003bc0) found nothing", source)]


def jobs(call: Call) -> Reply:
    """The records that match; unknown filters are ignored, as by the real one."""
    cluster, query = call.cluster, call.query
    seen_at = cluster.now - cluster.settings.slurmdb_lag_s
    window = (float(query.get("start_time") or 0), float(query.get("end_time") or cluster.now))
    clip = query.get("skip_steps") == "true" and query.get("disable_truncate_usage_time") != "true"
    search = Search(
        window=window,
        cluster=query.get("cluster", ""),
        names=words(query.get("job_name")),
        ids=set(words(query.get("step"))),
        users=set(words(query.get("users"))),
        accounts=set(words(query.get("account"))),
        duplicates=query.get("show_duplicates") == "true",
    )
    rows = [
        render_42.run_row(job, run, cluster.config.name, seen_at, window if clip else None)
        for job, run in find(cluster, search, seen_at)
    ]
    if not rows:
        return Reply(200, {"jobs": [], "warnings": _nothing("slurmdb_jobs_get", "_dump_jobs")})
    return Reply(200, {"jobs": rows})


def tres(call: Call) -> Reply:
    return Reply(200, {"TRES": render.tres_rows(render.tracked(call.cluster), nameless="")})


def clusters(call: Call) -> Reply:
    row = {"name": call.cluster.config.name, "controller": {"host": "127.0.0.1", "port": 6817}}
    return Reply(200, {"clusters": [row]})


def qos(call: Call) -> Reply:
    return Reply(200, {"qos": [{"name": "normal", "description": "Normal QOS default", "id": 1}]})


def associations(call: Call) -> Reply:
    wanted = call.query
    rows = [
        render_42.association(assoc, call.cluster.book, call.cluster.config.name)
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
            limits=tres_limits(most.get("tres") or {}) | _job_limits(most.get("jobs") or {}),
            qos=row.get("qos"),
        )
    return Reply(200, {})


def _job_limits(jobs: dict[str, Any]) -> dict[str, int | None]:
    limits: dict[str, int | None] = {}
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


def remove_associations(call: Call) -> Reply:
    """Of a user, or all of an account. A user keeps the default association while there are others."""
    book, account, user = call.cluster.book, call.query.get("account", ""), call.query.get("user", "")
    found = [key for key in book.assocs if key[0] == account and user in ("", key[1])]
    if not found:
        return Reply(304, b"")
    failed = "slurmdb_associations_remove(0x7f0a9c003bc0) failed"
    if any(book.must_keep(*key) for key in found):
        return refusal(500, 7009, "You can not remove the default account of a user", "_delete_assoc", failed)
    if call.cluster.has_running_jobs(account, user):
        return refusal(500, 7001, "Job(s) active, cancel job(s) before remove", "_delete_assoc", failed)
    return Reply(200, {"removed_associations": call.cluster.record("remove", account=account, user=user)})


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
    rows = body_rows(body, key)
    if rows is None:
        raise Stop(Reply(400, b"Unable to parse query."))
    return rows
