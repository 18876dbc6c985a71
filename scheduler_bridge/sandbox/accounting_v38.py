"""The slurmdb half of v0.0.38.

An account-level association is created by leaving out `user`, and the reply complains of it. Changing one
does nothing. A write that leaves out a kind of TRES limit that the association has crashes slurmrestd; of a
kind that is sent, what is not in it is lifted. Job records know no filter by user, and their times are never
clipped to the window. An id that is no number crashes slurmrestd as well.

Not played here: while an orphan stands (an association made with `"user": ""`), the real slurmdbd confuses
associations, and a change of another account's limits may go through after all.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from . import render
from . import render_v38 as render_38
from .accounting import Search, body_rows, find, sent_tres, tres_limits, words
from .accounts import TRES_LIMITS, Assoc
from .reply import CRASH, Reply, Stop
from .routes import Call

_FILTERS = frozenset(
    {
        "account", "association", "cluster", "constraints", "cpus_max", "cpus_min", "disable_wait_for_result",
        "end_time", "exit_code", "format", "job_name", "node", "nodes_max", "nodes_min", "partition", "qos",
        "reason", "reservation", "skip_steps", "start_time", "state", "step", "submit_time", "wckey",
    }
)  # fmt: skip
_BAD_QUERY = {"error_number": 9000, "error": "Query empty or not RFC7320 compliant"}
_DENIED = {"error_number": 2002, "error": "Access/permission denied"}
_ACTIVE = {"error_number": 7001, "error": "Job(s) active, cancel job(s) before remove"}
_NO_USER = {"description": "Missing required field 'user'", "source": "_parser_run"}
_FIRST_UTS = 1_000_000
"""`uts0` and `uts1` are no times to slurmrestd."""


def _nothing(source: str) -> dict[str, Any]:
    return {
        "description": "Nothing found",
        "error_number": 9003,
        "error": "Nothing found with query",
        "source": source,
    }


def jobs(call: Call) -> Reply:
    cluster, query = call.cluster, call.query
    if not _FILTERS.issuperset(query):
        return Reply(500, {"errors": [{"description": "Unknown Query field", **_BAD_QUERY}]})
    ids = words(query.get("step"))
    if not all(word.partition(".")[0].isdigit() for word in ids):
        return CRASH
    search = Search(
        window=(_time(query, "start_time", 0), _time(query, "end_time", cluster.now)),
        cluster=query.get("cluster", ""),
        names=words(query.get("job_name")),
        ids=ids,
        accounts=words(query.get("account")),
    )
    seen_at = cluster.now - cluster.settings.slurmdb_lag_s
    rows = [
        render_38.run_row(job, run, cluster.config.name, seen_at)
        for job, run in find(cluster, search, seen_at)
    ]
    return Reply(200, {"jobs": rows, "errors": [] if rows else [_nothing("slurmdb_jobs_get")]})


def _time(query: dict[str, str], name: str, default: float) -> float:
    text = query.get(name)
    if text is None:
        return default
    try:
        if text.startswith("uts") and (seconds := int(text[3:])) >= _FIRST_UTS:
            return seconds
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        error = {"description": "Unable to parse time format", **_BAD_QUERY, "source": name}
        raise Stop(Reply(500, {"errors": [error]})) from None


def tres(call: Call) -> Reply:
    return Reply(200, {"TRES": render.tres_rows(render.tracked(call.cluster), nameless=None)})


def clusters(call: Call) -> Reply:
    row = {"name": call.cluster.config.name, "controller": {"host": "127.0.0.1", "port": 6817}, "nodes": ""}
    return Reply(200, {"clusters": [row]})


def qos(call: Call) -> Reply:
    row = {"name": "normal", "description": "Normal QOS default", "id": 1, "flags": [], "priority": 0}
    return Reply(200, {"QOS": [row]})


def associations(call: Call) -> Reply:
    wanted, name = call.query, call.cluster.config.name
    rows = [
        render_38.association(assoc, call.cluster.book, name)
        for assoc in call.cluster.book.assocs.values()
        if wanted.get("cluster", name) == name
        and wanted.get("account", assoc.account) == assoc.account
        and wanted.get("user", assoc.user) == assoc.user
    ]
    if not rows:
        return Reply(500, {"errors": [_nothing("slurmdb_associations_get")]})
    return Reply(200, {"associations": rows})


def write_associations(call: Call) -> Reply:
    rows = _rows(call, "associations")
    errors: list[dict[str, Any]] = [_NO_USER for row in rows if "user" not in row]
    if not call.may_write:
        denied = {**_DENIED, "source": "slurmdb_associations_add"}
        return Reply(400, {"errors": [*errors, denied]})
    for row in rows:
        stored = call.cluster.book.assocs.get((row.get("account") or "", row.get("user") or ""))
        if stored is not None and _leaves_out(row, stored):
            return CRASH
        if not _write(call, row, stored):
            unspecified = {"error_number": -1, "error": "Unspecified error"}
            errors.append({**unspecified, "source": "slurmdb_associations_add"})
            return Reply(400, {"errors": errors})
    return Reply(200, {"errors": errors})


def _leaves_out(row: dict[str, Any], stored: Assoc) -> bool:
    """Whether the write has nothing of a kind of TRES limit that the association has."""
    sent = sent_tres((row.get("max") or {}).get("tres") or {})
    return any(getattr(stored.limits, kind) and not sent[kind] for kind in TRES_LIMITS)


def _write(call: Call, row: dict[str, Any], stored: Assoc | None) -> bool:
    """False when something above is missing."""
    user = row.get("user")
    if stored is not None and not user:
        return True
    if row.get("cluster") not in (call.cluster.config.name, None, ""):
        return False
    most = row.get("max") or {}
    written: bool = call.cluster.record(
        "assoc",
        account=row.get("account") or "",
        user=user,
        parent=row.get("parent_account"),
        limits=tres_limits(most.get("tres") or {}) | _job_limits(most.get("jobs") or {}),
        qos=row.get("qos"),
        adds_user=False,
    )
    return written


def _job_limits(jobs: dict[str, Any]) -> dict[str, int | None]:
    """What is null or negative is lifted, what is left out stays."""
    per = jobs.get("per") or {}
    sent = {
        "active_jobs": (jobs, "active"),
        "submit_jobs": (jobs, "total"),
        "wall_minutes": (per, "wall_clock"),
    }
    limits: dict[str, int | None] = {}
    for name, (where, key) in sent.items():
        if key in where:
            value = where[key]
            limits[name] = None if value is None or value < 0 else int(value)
    return limits


def remove_association(call: Call) -> Reply:
    """Of exactly one association; an empty `user` means the account's own."""
    source = "slurmdb_associations_remove"
    if not call.may_write:
        return Reply(500, {"errors": [{**_DENIED, "source": source}]})
    account, user = call.query.get("account", ""), call.query.get("user")
    found = [key for key in call.cluster.book.assocs if key[0] == account and user in (None, key[1])]
    if not found:
        return Reply(304, b"")
    if len(found) > 1:
        text = "ambiguous request: More than 1 association would have been deleted."
        return Reply(400, {"errors": [{"description": text, **_BAD_QUERY}], "removed_associations": []})
    if call.cluster.has_running_jobs(*found[0]):
        return Reply(500, {"errors": [{**_ACTIVE, "source": source}]})
    call.cluster.record("remove", account=account, user=found[0][1])
    return Reply(200, {"removed_associations": [f"C = {call.cluster.config.name} A = {account} U = {user}"]})


def account(call: Call) -> Reply:
    found = call.cluster.book.accounts.get(call.part)
    if found is None:
        return Reply(500, {"errors": [_nothing("slurmdb_accounts_get")], "accounts": []})
    return Reply(200, {"accounts": [found | {"associations": [], "coordinators": [], "flags": []}]})


def write_accounts(call: Call) -> Reply:
    rows = _rows(call, "accounts")
    if not call.may_write:
        return Reply(500, {"errors": [{**_DENIED, "source": "slurmdb_accounts_add"}]})
    for row in rows:
        facts = {key: row.get(key) or "" for key in ("name", "description", "organization")}
        call.cluster.record("account", **facts)
    return Reply(200, {})


def remove_account(call: Call) -> Reply:
    """Says 200 even when it refuses."""
    source = "slurmdb_accounts_remove"
    if not call.may_write:
        return Reply(500, {"errors": [{**_DENIED, "source": source}]})
    if call.cluster.has_running_jobs(call.part):
        return Reply(200, {"errors": [{**_ACTIVE, "source": source}]})
    if call.part not in call.cluster.book.accounts:
        text = "Data has not changed since time specified"
        return Reply(200, {"errors": [{"error_number": 1900, "error": text, "source": source}]})
    call.cluster.record("remove_account", name=call.part)
    return Reply(200, {"removed_associations": [call.part]})


def user(call: Call) -> Reply:
    found = call.cluster.book.users.get(call.part)
    if found is None:
        return Reply(500, {"errors": [_nothing("slurmdb_users_get")], "users": []})
    level = "Administrator" if found["name"] in call.cluster.config.admins else "None"
    default = {"account": found["account"] or None, "wckey": ""}
    row = {"name": found["name"], "administrator_level": level, "default": default}
    return Reply(200, {"users": [row | {"flags": [], "associations": [], "coordinators": []}]})


def write_users(call: Call) -> Reply:
    rows = _rows(call, "users")
    if not call.may_write:
        return Reply(500, {"errors": [{**_DENIED, "source": "slurmdb_users_add"}]})
    for row in rows:
        default = (row.get("default") or {}).get("account") or ""
        call.cluster.record("user", name=row.get("name") or "", account=default)
    return Reply(200, {})


def _rows(call: Call, key: str) -> Sequence[dict[str, Any]]:
    """Raises Stop: with 200 when the body lacks the key."""
    rows = body_rows(call.body, key)
    if rows is None:
        error = {"description": "Query parameter not found", "error_number": 9200}
        raise Stop(Reply(200, {"errors": [{**error, "error": "Unable to resolve path", "source": key}]}))
    return rows
