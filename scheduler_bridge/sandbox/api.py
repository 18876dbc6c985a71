"""slurmrestd's routes, v0.0.42, on a virtual cluster."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from . import accounting, render, tokens
from .cluster import VirtualCluster
from .jobs import Job
from .reply import Reply, Stop, refusal
from .submission import knows_user, submit, unknown_fields

RELEASE = "24.11.5"


class Call(NamedTuple):
    """One request as its handler sees it; `part` is the variable part of the path."""

    cluster: VirtualCluster
    user: str
    query: dict[str, str]
    body: bytes
    part: str


type Handler = Callable[[Call], Reply]


class Route(NamedTuple):
    """`name` is what faults call the route; `slurmdb` decides how a bad token is answered."""

    name: str
    handler: Handler
    slurmdb: bool = False


class Api:
    """Finds a route, checks the token the way the real daemons do, answers."""

    def __init__(self, cluster: VirtualCluster, key: bytes) -> None:
        self._cluster = cluster
        self._key = key

    def route(self, method: str, path: str) -> tuple[Route, str] | None:
        for wanted, pattern, route in _ROUTES:
            if wanted == method and (found := pattern.fullmatch(path)):
                return route, (found.groups() or ("",))[0]
        return None

    def answer(self, route: Route, part: str, query: str, headers: dict[str, str], body: bytes) -> Reply:
        """Checks the token *now* (a stalled call may find it expired) and does what was asked."""
        token = headers.get("x-slurm-user-token") or headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return Reply(401, b"Authentication failure")
        user = tokens.user_of(token, self._key, self._cluster.token_now)
        if user is not None and headers.get("x-slurm-user-name", user) != user:
            user = None
        if user is None:
            return self._rejected(route)
        self._cluster.settle()
        try:
            reply = route.handler(Call(self._cluster, user, _query(query), body, part))
        except Stop as stop:
            reply = stop.reply
        return _with_meta(reply, self._cluster.config.name)

    def _rejected(self, route: Route) -> Reply:
        if route.name == "ping":
            return _with_meta(_pings("DOWN"), self._cluster.config.name)
        if route.slurmdb:
            text = "Failed to open slurmdbd connection, authentication error"
            return refusal(502, 7000, "Unable to connect to database", "openapi_get_db_conn", text)
        return refusal(511, 1007, "Protocol authentication error", "slurm_load_jobs()", "Unable to query")


def _query(text: str) -> dict[str, str]:
    """Repeated parameters, joined by commas. A comma of the caller's own is refused in a list of ids."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text):
        if name in ("job_id", "step") and "," in value:
            reason = "Rejecting request. Failure parsing query"
            raise Stop(refusal(422, 9000, "Query empty or not RFC7320 compliant", "query", reason))
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _with_meta(reply: Reply, cluster: str) -> Reply:
    if isinstance(reply.body, dict):
        reply.body.setdefault("errors", [])
        reply.body.setdefault("warnings", [])
        reply.body["meta"] = {"slurm": {"release": RELEASE, "cluster": cluster}, "sandbox": True}
    return reply


# --- service ---


def _pings(word: str) -> Reply:
    ping = {"hostname": "sandbox", "pinged": word, "responding": word == "UP", "latency": 1}
    return Reply(200, {"pings": [ping | {"mode": "primary", "primary": True}]})


def _ping(call: Call) -> Reply:
    return _pings("UP")


def _diag(call: Call) -> Reply:
    cluster = call.cluster
    pending = sum(len(part.pending) for part in cluster.partitions.values())
    return Reply(
        200,
        {
            "statistics": {
                "req_time": render.number(cluster.now),
                "dbd_agent_queue_size": 0,
                "agent_queue_size": 0,
                "jobs_pending": pending,
                "jobs_running": cluster.running_count(),
            }
        },
    )


def _partitions(call: Call) -> Reply:
    return Reply(200, {"partitions": [render.partition(part) for part in call.cluster.partitions.values()]})


def _nodes(call: Call) -> Reply:
    return Reply(
        200, {"nodes": [row for part in call.cluster.partitions.values() for row in render.nodes(part)]}
    )


def _shares(call: Call) -> Reply:
    name = call.cluster.config.name
    rows = [render.share(assoc, name) for assoc in call.cluster.book.assocs.values()]
    return Reply(200, {"shares": {"shares": rows, "total_shares": len(rows)}})


# --- jobs ---


def _submit(call: Call) -> Reply:
    return submit(call.cluster, call.user, call.body)


def _rows(call: Call, jobs: Iterable[Job]) -> Reply:
    cluster = call.cluster
    rows = [render.live_job(job, cluster.config.name, cluster.settings.speed) for job in jobs]
    return Reply(200, {"jobs": rows, "last_update": render.number(cluster.now)})


def _jobs(call: Call) -> Reply:
    return _rows(call, call.cluster.live.values())


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
        raise Stop(refusal(422, 9000, "Query empty or not RFC7320 compliant", "op_handler_job", text))
    return call.cluster.live.get(int(call.part))


def _job(call: Call) -> Reply:
    job = _one_live(call)
    if job is None:
        text = f"Unable to query JobId={call.part}"
        reply = refusal(404, 2017, "Invalid job id specified", "_handle_job_get", text)
        return Reply(404, {"jobs": [], **(reply.body if isinstance(reply.body, dict) else {})})
    return _rows(call, [job])


def _may_touch(call: Call, job: Job) -> bool:
    return call.user in (job.wish.user, "root", *call.cluster.config.admins)


def _cancel(call: Call) -> Reply:
    job = _one_live(call)
    if job is None:
        return _kill_status(call, 2017, "Invalid job id specified")
    if not _may_touch(call, job):
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
    if not _may_touch(call, job):
        return _update_refusal(500, 2002, "Access/permission denied")
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


# --- slurmdb ---


def _accounting_jobs(call: Call) -> Reply:
    return accounting.job_list(call.cluster, call.query)


def _tres(call: Call) -> Reply:
    names = [("cpu", ""), ("mem", ""), ("energy", ""), ("node", ""), ("billing", ""), ("gres", "gpu")]
    kinds = dict.fromkeys(part.config.gpu_type for part in call.cluster.partitions.values())
    names += [("gres", f"gpu:{kind}") for kind in kinds]
    rows = [
        {"type": kind, "name": name, "id": index + 1, "count": 0} for index, (kind, name) in enumerate(names)
    ]
    return Reply(200, {"TRES": rows})


def _clusters(call: Call) -> Reply:
    row = {"name": call.cluster.config.name, "controller": {"host": "127.0.0.1", "port": 6817}}
    return Reply(200, {"clusters": [row]})


def _writer(handler: Handler) -> Handler:
    """Only the cluster's administrators write to slurmdb."""

    def guarded(call: Call) -> Reply:
        if call.user not in ("root", *call.cluster.config.admins) or not knows_user(call.cluster, call.user):
            return refusal(500, 2002, "Access/permission denied", "slurmdb", "the request failed")
        return handler(call)

    return guarded


def _route(method: str, path: str, route: Route) -> tuple[str, re.Pattern[str], Route]:
    return method, re.compile(path.replace("{}", r"([^/]+)").rstrip("/") + "/?"), route


_SLURM, _SLURMDB = "/slurm/v0.0.42", "/slurmdb/v0.0.42"
_ROUTES = [
    _route("POST", f"{_SLURM}/job/submit", Route("submit", _submit)),
    _route("GET", f"{_SLURM}/jobs/state", Route("jobs_state", _job_states)),
    _route("GET", f"{_SLURM}/jobs", Route("jobs", _jobs)),
    _route("GET", f"{_SLURM}/job/{{}}", Route("job", _job)),
    _route("DELETE", f"{_SLURM}/job/{{}}", Route("cancel", _cancel)),
    _route("POST", f"{_SLURM}/job/{{}}", Route("update", _update)),
    _route("GET", f"{_SLURM}/ping", Route("ping", _ping)),
    _route("GET", f"{_SLURM}/diag", Route("diag", _diag)),
    _route("GET", f"{_SLURM}/partitions", Route("partitions", _partitions)),
    _route("GET", f"{_SLURM}/nodes", Route("nodes", _nodes)),
    _route("GET", f"{_SLURM}/shares", Route("shares", _shares)),
    _route("GET", f"{_SLURMDB}/jobs", Route("accounting", _accounting_jobs, slurmdb=True)),
    _route("GET", f"{_SLURMDB}/tres", Route("tres", _tres, slurmdb=True)),
    _route("GET", f"{_SLURMDB}/clusters", Route("clusters", _clusters, slurmdb=True)),
    _route("GET", f"{_SLURMDB}/associations", Route("associations", accounting.associations, slurmdb=True)),
    _route(
        "POST",
        f"{_SLURMDB}/associations",
        Route("associations", _writer(accounting.write_associations), slurmdb=True),
    ),
    _route("GET", f"{_SLURMDB}/account/{{}}", Route("accounts", accounting.account, slurmdb=True)),
    _route(
        "POST", f"{_SLURMDB}/accounts", Route("accounts", _writer(accounting.write_accounts), slurmdb=True)
    ),
    _route("GET", f"{_SLURMDB}/user/{{}}", Route("users", accounting.user, slurmdb=True)),
    _route("POST", f"{_SLURMDB}/users", Route("users", _writer(accounting.write_users), slurmdb=True)),
]
