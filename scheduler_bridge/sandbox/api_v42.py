"""slurmrestd's routes in v0.0.42 (Slurm 24.11)."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from . import accounting_v42 as accounting
from . import render_v42 as render
from .cluster import VirtualCluster
from .jobs import Job
from .reply import Reply, Stop, refusal, warning
from .routes import Call, Dialect, Handler, Mishap, Route, may_touch, path
from .submission_v42 import submit, unknown_fields

RELEASE = "24.11.5"
_BAD_QUERY = "Query empty or not RFC7320 compliant"


class V42(Dialect):
    def __init__(self) -> None:
        self.paths = _PATHS

    def token(self, headers: dict[str, str]) -> str:
        return headers.get("x-slurm-user-token") or headers.get("authorization", "").removeprefix("Bearer ")

    def query(self, text: str) -> dict[str, str]:
        """Repeated parameters, joined by commas. A comma of the caller's own is refused in a list of ids."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(text):
            if name in ("job_id", "step") and "," in value:
                reason = "Rejecting request. Failure parsing query"
                raise Stop(refusal(422, 9000, _BAD_QUERY, "query", reason))
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    def mishap(self, kind: Mishap, route: Route, part: str) -> Reply:
        if kind == "lost":
            return refusal(500, 5005, "Zero Bytes were transmitted or received")
        if route.name == "ping":
            return _pings("DOWN")
        if route.slurmdb:
            # A refused token and a slurmdbd that is away look the same.
            text = "Failed to open slurmdbd connection"
            return refusal(502, 7000, "Unable to connect to database", "openapi_get_db_conn", text)
        if kind == "away" and route.name == "cancel":
            failed = "Signal request failed"
            return refusal(500, 1, "Operation not permitted", "slurm_kill_jobs()", failed)
        if kind == "away" and route.name == "update":
            return _update_refusal(500, 1000, "Unexpected message received")
        if kind == "away":
            return refusal(502, 1800, "Unable to contact slurm controller (connect failure)")
        return refusal(511, 1007, "Protocol authentication error", "slurm_load_jobs()", "Unable to query")

    def finish(self, reply: Reply, route: Route, cluster: VirtualCluster) -> Reply:
        if isinstance(reply.body, dict):
            reply.body.setdefault("errors", [])
            reply.body.setdefault("warnings", [])
            slurm = {"release": RELEASE, "cluster": cluster.config.name}
            reply.body["meta"] = {"slurm": slurm, "sandbox": True}
        return reply


# --- service ---


def _pings(word: str) -> Reply:
    ping = {"hostname": "sandbox", "pinged": word, "responding": word == "UP", "latency": 1}
    return Reply(200, {"pings": [ping | {"mode": "primary", "primary": True}]})


def _ping(call: Call) -> Reply:
    return _pings("UP")


def _diag(call: Call) -> Reply:
    counts = call.cluster.statistics()
    return Reply(200, {"statistics": {"req_time": render.number(call.cluster.now)} | counts})


def _partitions(call: Call) -> Reply:
    return Reply(200, {"partitions": [render.partition(part) for part in call.cluster.partitions.values()]})


def _nodes(call: Call) -> Reply:
    parts = call.cluster.partitions.values()
    return Reply(200, {"nodes": [render.node(part, node) for part in parts for node in part.nodes]})


def _shares(call: Call) -> Reply:
    name = call.cluster.config.name
    rows = [render.share(assoc, name) for assoc in call.cluster.book.assocs.values()]
    return Reply(200, {"shares": {"shares": rows, "total_shares": len(rows)}})


# --- jobs ---


def _submit(call: Call) -> Reply:
    return submit(call.cluster, call.user, call.body)


def _rows(call: Call, jobs: Iterable[Job], *, warnings: Sequence[dict[str, str]] = ()) -> Reply:
    cluster = call.cluster
    rows = [render.live_job(job, cluster.config.name, cluster.settings.speed) for job in jobs]
    return Reply(200, {"jobs": rows, "last_update": render.number(cluster.now), "warnings": list(warnings)})


def _jobs(call: Call) -> Reply:
    since = call.query.get("update_time", "0")
    if not since.isdigit():
        text = f"Parsing of {since} for timestamp failed"
        return refusal(422, 9202, "Unable to convert Data type", "#/update_time/", text)
    if int(since) > call.cluster.changed_at:
        said = [warning(f"No job changes since update_time[{since}]", "op_handler_jobs")]
        return Reply(200, {"jobs": [], "warnings": said})
    said = [] if call.cluster.live else [{"description": "Zero jobs to dump", "source": ""}]
    return _rows(call, call.cluster.live.values(), warnings=said)


def _job_states(call: Call) -> Reply:
    wanted = {int(part) for part in call.query.get("job_id", "").split(",") if part.isdigit()}
    live = call.cluster.live.values()
    rows = [
        {"job_id": str(job.id), "state": [job.run.state]} for job in live if not wanted or job.id in wanted
    ]
    return Reply(200, {"jobs": rows})


def _one_live(call: Call) -> Job | None:
    if not call.part.isdigit():
        text = "Rejecting request. Failure parsing parameters"
        raise Stop(refusal(422, 9000, _BAD_QUERY, "op_handler_job", text))
    return call.cluster.live.get(int(call.part))


def _job(call: Call) -> Reply:
    job = _one_live(call)
    if job is None:
        text = f"Unable to query JobId={call.part}"
        reply = refusal(404, 2017, "Invalid job id specified", "_handle_job_get", text)
        return Reply(404, {"jobs": [], **(reply.body if isinstance(reply.body, dict) else {})})
    return _rows(call, [job])


def _cancel(call: Call) -> Reply:
    job = _one_live(call)
    if job is None:
        return _kill_status(call, 2017, "Invalid job id specified")
    if not may_touch(call, job.wish.user):
        return _kill_status(call, 2002, "Access/permission denied")
    if job.ended:
        return _kill_status(call, 2021, "Job/step already completing or completed")
    call.cluster.record("cancel", job_id=job.id, user=call.user)
    return Reply(200, {"status": []})


def _kill_status(call: Call, code: int, text: str) -> Reply:
    # Always 200: the truth stands in status[].
    row = {"error": {"string": text, "code": code, "message": text}, "step_id": call.part}
    return Reply(200, {"status": [row]})


def _update(call: Call) -> Reply:
    try:
        changes = msgspec.json.decode(call.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Reply(400, b"Unable to parse query.")
    job = _one_live(call)
    if job is None:
        return _update_refusal(404, 2017, "Invalid job id specified")
    if not may_touch(call, job.wish.user):
        return _update_refusal(500, 2010, "Invalid user id")
    facts: dict[str, Any] = {}
    if "hold" in changes:
        facts["hold"] = bool(changes["hold"])
    if isinstance(changes.get("priority"), dict):
        facts["hold"] = changes["priority"].get("number") == 0
    if changes.get("name"):
        facts["name"] = changes["name"]
    if changes.get("account"):
        if job.run.state != "PENDING":
            return _update_refusal(500, 2073, "Job is no longer pending execution")
        if (changes["account"], job.wish.user) not in call.cluster.book.assocs:
            return _update_refusal(500, 2045, "Invalid account or account/partition combination specified")
        facts["account"] = changes["account"]
    if facts and not job.ended:
        call.cluster.record("update", job_id=job.id, **facts)
    return Reply(200, {"results": None, "warnings": unknown_fields(changes, "#/")})


def _update_refusal(status: int, code: int, text: str) -> Reply:
    return refusal(status, code, text, "slurm_update_job2()", "Job update requested failed")


# --- the table ---


def _writer(handler: Handler) -> Handler:
    def guarded(call: Call) -> Reply:
        if not call.may_write:
            return refusal(500, 2002, "Access/permission denied", "slurmdb", "the request failed")
        return handler(call)

    return guarded


def _db(name: str, handler: Handler, *, writes: bool = False) -> Route:
    return Route(name, _writer(handler) if writes else handler, slurmdb=True)


_SLURM, _SLURMDB = "/slurm/v0.0.42", "/slurmdb/v0.0.42"
_PATHS = [
    path("POST", f"{_SLURM}/job/submit", Route("submit", _submit)),
    path("GET", f"{_SLURM}/jobs/state", Route("jobs_state", _job_states)),
    path("GET", f"{_SLURM}/jobs", Route("jobs", _jobs)),
    path("GET", f"{_SLURM}/job/{{}}", Route("job", _job)),
    path("DELETE", f"{_SLURM}/job/{{}}", Route("cancel", _cancel)),
    path("POST", f"{_SLURM}/job/{{}}", Route("update", _update)),
    path("GET", f"{_SLURM}/ping", Route("ping", _ping)),
    path("GET", f"{_SLURM}/diag", Route("diag", _diag)),
    path("GET", f"{_SLURM}/partitions", Route("partitions", _partitions)),
    path("GET", f"{_SLURM}/nodes", Route("nodes", _nodes)),
    path("GET", f"{_SLURM}/shares", Route("shares", _shares)),
    path("GET", f"{_SLURMDB}/jobs", _db("accounting", accounting.jobs)),
    path("GET", f"{_SLURMDB}/tres", _db("tres", accounting.tres)),
    path("GET", f"{_SLURMDB}/clusters", _db("clusters", accounting.clusters)),
    path("GET", f"{_SLURMDB}/qos", _db("qos", accounting.qos)),
    path("GET", f"{_SLURMDB}/associations", _db("associations", accounting.associations)),
    path("POST", f"{_SLURMDB}/associations", _db("associations", accounting.write_associations, writes=True)),
    path(
        "DELETE",
        f"{_SLURMDB}/associations?",
        _db("associations", accounting.remove_associations, writes=True),
    ),
    path("GET", f"{_SLURMDB}/account/{{}}", _db("accounts", accounting.account)),
    path("POST", f"{_SLURMDB}/accounts", _db("accounts", accounting.write_accounts, writes=True)),
    path("GET", f"{_SLURMDB}/user/{{}}", _db("users", accounting.user)),
    path("POST", f"{_SLURMDB}/users", _db("users", accounting.write_users, writes=True)),
]
