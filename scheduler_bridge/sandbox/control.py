"""The sandbox's own routes, under /sandbox/, per cluster and without a token: it listens on loopback only.

GET    /sandbox/journal            every accepted submit ever, and how many (?name= for one job name)
GET    /sandbox/state              clock, jobs by state, faults still planned
POST   /sandbox/faults             {"route": "submit", "kind": "slow", "times": 1, "seconds": 5}
DELETE /sandbox/faults             forget all planned faults
POST   /sandbox/advance            {"seconds": 600, "tokens": true}: moves the cluster's clock ahead
POST   /sandbox/requeue            {"job_id": 7}
POST   /sandbox/rename             {"job_id": 7, "name": "other"}
POST   /sandbox/forget             {"job_id": 7}: slurmctld was killed before it saved the job
POST   /sandbox/partition          {"name": "gpu", "up": false}
"""

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from .cluster import VirtualCluster
from .faults import Fault, FaultBook
from .http import HttpRequest
from .reply import Reply


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    seconds: float
    tokens: bool = True


class _JobOnly(msgspec.Struct, forbid_unknown_fields=True):
    job_id: int


class _Rename(msgspec.Struct, forbid_unknown_fields=True):
    job_id: int
    name: str


class _PartitionState(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    up: bool


class Control:
    """Answers the control routes of one cluster."""

    def __init__(self, cluster: VirtualCluster, faults: FaultBook) -> None:
        self._cluster = cluster
        self._faults = faults
        self._routes: dict[tuple[str, str], Callable[[HttpRequest], dict[str, Any]]] = {
            ("GET", "journal"): self._journal,
            ("GET", "state"): self._state,
            ("POST", "faults"): self._plan,
            ("DELETE", "faults"): self._clear,
            ("POST", "advance"): self._advance,
            ("POST", "requeue"): self._requeue,
            ("POST", "rename"): self._rename,
            ("POST", "forget"): self._forget,
            ("POST", "partition"): self._partition,
        }

    def answer(self, request: HttpRequest) -> Reply:
        name = request.path.removeprefix("/sandbox/").rstrip("/")
        handler = self._routes.get((request.method, name))
        if handler is None:
            return Reply(404, {"error": f"no such control: {request.method} {request.path}"})
        self._cluster.settle()
        try:
            return Reply(200, handler(request))
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            return Reply(400, {"error": f"{type(error).__name__}: {error}"})

    def _journal(self, request: HttpRequest) -> dict[str, Any]:
        name = dict(parse_qsl(request.query)).get("name")
        rows = [
            {
                "job_id": event["job_id"],
                "time": event["t"],
                **{key: event["wish"][key] for key in ("name", "user", "account", "comment")},
            }
            for event in self._cluster.journal.submits
            if name in (None, event["wish"]["name"])
        ]
        return {"cluster": self._cluster.config.name, "count": len(rows), "submits": rows}

    def _state(self, request: HttpRequest) -> dict[str, Any]:
        states = Counter(job.run.state for job in self._cluster.jobs.values())
        planned = [msgspec.to_builtins(fault) for fault in self._faults.planned]
        return {"now": self._cluster.now, "jobs": states, "faults": planned}

    def _plan(self, request: HttpRequest) -> dict[str, Any]:
        self._faults.plan(msgspec.json.decode(request.body, type=Fault))
        return {"planned": len(self._faults.planned)}

    def _clear(self, request: HttpRequest) -> dict[str, Any]:
        self._faults.clear()
        return {"planned": 0}

    def _advance(self, request: HttpRequest) -> dict[str, Any]:
        wish = msgspec.json.decode(request.body, type=_Advance)
        if wish.seconds < 0:
            raise ValueError("seconds: time does not run backwards")
        self._cluster.record("advance", seconds=wish.seconds, tokens=wish.tokens)
        return {"now": self._cluster.settle()}

    def _requeue(self, request: HttpRequest) -> dict[str, Any]:
        job = self._cluster.jobs[msgspec.json.decode(request.body, type=_JobOnly).job_id]
        if job.run.state != "RUNNING":
            raise ValueError(f"job {job.id} is {job.run.state}; only a running job can be requeued")
        self._cluster.record("requeue", job_id=job.id)
        return {"job_id": job.id}

    def _rename(self, request: HttpRequest) -> dict[str, Any]:
        wish = msgspec.json.decode(request.body, type=_Rename)
        self._cluster.record("update", job_id=self._cluster.jobs[wish.job_id].id, name=wish.name)
        return {"job_id": wish.job_id}

    def _forget(self, request: HttpRequest) -> dict[str, Any]:
        job_id = self._cluster.jobs[msgspec.json.decode(request.body, type=_JobOnly).job_id].id
        self._cluster.record("forget", job_id=job_id)
        return {"job_id": job_id}

    def _partition(self, request: HttpRequest) -> dict[str, Any]:
        wish = msgspec.json.decode(request.body, type=_PartitionState)
        self._cluster.record("partition", name=self._cluster.partitions[wish.name].config.name, up=wish.up)
        return {"name": wish.name, "up": wish.up}
