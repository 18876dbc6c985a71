"""slurmrestd's routes in v0.0.38 (Slurm 22.05).

Nothing here tells a refused token from a daemon that is away by its status, and a refused submission looks
like one whose reply was lost (500, 5005).
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from . import accounting_v38 as accounting
from . import render_v38 as render
from .cluster import VirtualCluster
from .jobs import Job
from .reply import Reply, Stop
from .routes import Call, Dialect, Handler, Mishap, Route, may_touch, path
from .submission_v38 import parse_errors, submit

RELEASE = "22.05.8"
_LOST = "Zero Bytes were transmitted or received"
_NO_CONTROLLER = "Unable to contact slurm controller (connect failure)"
_QUERIES = {
    "ping": ("slurm_load_ctl_conf", "slurmctld config is unable to load"),
    "diag": ("slurm_get_statistics", "request failed"),
    "jobs": ("slurm_load_jobs", "Failed while looking for jobs"),
    "job": ("slurm_load_job", "Unable to find JobId={}"),
}
_MILD = frozenset({"tres", "accounting"})
"""slurmdb queries that say 200 even of errors."""


class V38(Dialect):
    def __init__(self) -> None:
        self.paths = _PATHS

    def token(self, headers: dict[str, str]) -> str:
        """Both headers are needed; a Bearer token counts for nothing."""
        return headers.get("x-slurm-user-token", "") if headers.get("x-slurm-user-name") else ""

    def query(self, text: str) -> dict[str, str]:
        """Of repeated parameters the last one counts."""
        return dict(parse_qsl(text, keep_blank_values=True))

    def mishap(self, kind: Mishap, route: Route, part: str) -> Reply:
        if route.slurmdb:
            return _slurmdb_mishap(kind, route)
        code, text = (1800, _NO_CONTROLLER) if kind == "away" else (5005, _LOST)
        if route.name == "submit":
            return Reply(500, {"errors": [{"error_code": code, "error": text}]})
        if route.name == "cancel":
            return _refusal(
                500, code, text, "slurm_kill_job", f"unable to kill JobId={part} with signal 9: {text}"
            )
        if route.name == "update":
            return _update_refusal(1000, "Unexpected message received")
        unspecified = "Unspecified error"
        if route.name not in _QUERIES:
            return Reply(500, {"errors": [{"error": unspecified, "errno": -1}]})
        source, description = _QUERIES[route.name]
        return _refusal(500, -1, unspecified, source, description.format(part))

    def finish(self, reply: Reply, route: Route, cluster: VirtualCluster) -> Reply:
        if isinstance(reply.body, dict):
            reply.body.setdefault("errors", [])
            kind = "dbv0.0.38" if route.slurmdb else "v0.0.38"
            major, minor, micro = (int(word) for word in RELEASE.split("."))
            slurm = {"version": {"major": major, "micro": micro, "minor": minor}, "release": RELEASE}
            plugin = {"type": f"openapi/{kind}", "name": "Slurm OpenAPI"}
            reply.body["meta"] = {"plugin": plugin, "Slurm": slurm, "sandbox": True}
        return reply

    def stray(self, path: str) -> Reply:
        if any(pattern.fullmatch(path) for _, pattern, _ in self.paths):
            text = b"Requested REST method is not defined at URL. Please view /openapi/v3 for API reference."
            return Reply(405, text)
        return super().stray(path)


def _slurmdb_mishap(kind: Mishap, route: Route) -> Reply:
    code, text = (7000, "Unable to connect to database")
    if kind == "rejected":
        code, text = (-1, "Unspecified error") if route.adds else (1007, "Protocol authentication error")
    status = 200 if route.name in _MILD else 500
    return _refusal(status, code, text, f"slurmdb_{route.name}_{'add' if route.adds else 'get'}")


def _refusal(status: int, code: int, text: str, source: str, description: str = "") -> Reply:
    error = {"error_number": code, "error": text, "source": source}
    return Reply(status, {"errors": [{"description": description} | error if description else error]})


# --- service ---


def _ping(call: Call) -> Reply:
    return Reply(200, {"pings": [{"hostname": "sandbox", "ping": "UP", "status": 0, "mode": "primary"}]})


def _diag(call: Call) -> Reply:
    return Reply(200, {"statistics": {"req_time": int(call.cluster.now)} | call.cluster.statistics()})


def _partitions(call: Call) -> Reply:
    return Reply(200, {"partitions": [render.partition(part) for part in call.cluster.partitions.values()]})


def _nodes(call: Call) -> Reply:
    parts = call.cluster.partitions.values()
    return Reply(200, {"nodes": [render.node(part, node) for part in parts for node in part.nodes]})


# --- jobs ---


def _submit(call: Call) -> Reply:
    return submit(call.cluster, call.user, call.body)


def _rows(call: Call, jobs: Iterable[Job]) -> Reply:
    cluster = call.cluster
    return Reply(
        200,
        {"jobs": [render.live_job(job, cluster.config.name, cluster.settings.speed) for job in jobs]},
    )


def _jobs(call: Call) -> Reply:
    """Parameters that it does not know it ignores."""
    since = call.query.get("update_time", "0")
    if not since.isdigit():
        return Reply(400, {"jobs": []})
    if int(since) > call.cluster.changed_at:
        return Reply(304, b"")
    return _rows(call, call.cluster.live.values())


def _one_live(call: Call) -> Job | None:
    return call.cluster.live.get(int(call.part)) if call.part.isdigit() else None


def _job(call: Call) -> Reply:
    job = _one_live(call)
    if job is not None:
        return _rows(call, [job])
    text = f"Unable to find JobId={call.part}"
    if call.part.isdigit():
        return _refusal(500, 2017, "Invalid job id specified", "slurm_load_job", text)
    no_entry = "Jobs description entry not found, empty or not dictionary or list"
    return _refusal(400, 9002, no_entry, "_handle_job_get", text)


def _cancel(call: Call) -> Reply:
    """Cancelling a job that has ended is no error."""
    job = _one_live(call)
    if job is None:
        return _kill_refusal(call, 2017, "Invalid job id specified")
    if not may_touch(call, job.wish.user):
        return _kill_refusal(call, 2002, "Access/permission denied")
    if not job.ended:
        call.cluster.record("cancel", job_id=job.id, user=call.user)
    return Reply(200, {})


def _kill_refusal(call: Call, code: int, text: str) -> Reply:
    return _refusal(
        500, code, text, "slurm_kill_job", f"unable to kill JobId={call.part} with signal 9: {text}"
    )


def _update(call: Call) -> Reply:
    """What it cannot parse it refuses with status 200."""
    try:
        changes = msgspec.json.decode(call.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Reply(400, b"Unable to parse query.")
    if errors := parse_errors(changes):
        failed = {"error_number": 9001, "error": "Failure during parsing", "source": "_parse_job_list"}
        return Reply(200, {"errors": [*errors, failed]})
    job = _one_live(call)
    if job is None:
        return _update_refusal(2017, "Invalid job id specified")
    if not may_touch(call, job.wish.user):
        return _update_refusal(2010, "Invalid user id")
    if changes.get("account"):
        _check_move(call, job, changes["account"])
    facts = {name: changes[name] for name in ("hold", "name", "account") if name in changes}
    if facts and not job.ended:
        call.cluster.record("update", job_id=job.id, **facts)
    return Reply(200, {})


def _check_move(call: Call, job: Job, account: str) -> None:
    if job.run.state != "PENDING":
        raise Stop(_update_refusal(2073, "Job is no longer pending execution"))
    if (account, job.wish.user) not in call.cluster.book.assocs:
        raise Stop(_update_refusal(2045, "Invalid account or account/partition combination specified"))


def _update_refusal(code: int, text: str) -> Reply:
    return _refusal(500, code, text, "_parse_job_list", "job update from [localhost]:0 failed")


# --- the table ---


def _db(name: str, handler: Handler, *, adds: bool = False) -> Route:
    return Route(name, handler, slurmdb=True, adds=adds)


_SLURM, _SLURMDB = "/slurm/v0.0.38", "/slurmdb/v0.0.38"
_PATHS = [
    path("POST", f"{_SLURM}/job/submit", Route("submit", _submit)),
    path("GET", f"{_SLURM}/jobs", Route("jobs", _jobs)),
    path("GET", f"{_SLURM}/job/{{}}", Route("job", _job)),
    path("DELETE", f"{_SLURM}/job/{{}}", Route("cancel", _cancel)),
    path("POST", f"{_SLURM}/job/{{}}", Route("update", _update)),
    path("GET", f"{_SLURM}/ping", Route("ping", _ping)),
    path("GET", f"{_SLURM}/diag", Route("diag", _diag)),
    path("GET", f"{_SLURM}/partitions", Route("partitions", _partitions)),
    path("GET", f"{_SLURM}/nodes", Route("nodes", _nodes)),
    path("GET", f"{_SLURMDB}/jobs", _db("accounting", accounting.jobs)),
    path("GET", f"{_SLURMDB}/tres", _db("tres", accounting.tres)),
    path("GET", f"{_SLURMDB}/clusters", _db("clusters", accounting.clusters)),
    path("GET", f"{_SLURMDB}/qos", _db("qos", accounting.qos)),
    path("GET", f"{_SLURMDB}/associations", _db("associations", accounting.associations)),
    path("POST", f"{_SLURMDB}/associations", _db("associations", accounting.write_associations)),
    path("DELETE", f"{_SLURMDB}/association", _db("associations", accounting.remove_association)),
    path("GET", f"{_SLURMDB}/account/{{}}", _db("accounts", accounting.account)),
    path("DELETE", f"{_SLURMDB}/account/{{}}", _db("accounts", accounting.remove_account)),
    path("POST", f"{_SLURMDB}/accounts", _db("accounts", accounting.write_accounts, adds=True)),
    path("GET", f"{_SLURMDB}/user/{{}}", _db("users", accounting.user)),
    path("POST", f"{_SLURMDB}/users", _db("users", accounting.write_users, adds=True)),
]
