"""v0.0.42 (Slurm 24.11 and later); serves v0.0.40 to v0.0.44, which differ little.

Traps of these versions: an unknown field is ignored with a warning (so GPUs go by `tres_per_job`, never by
`gres`), a partial write of an association wipes its TRES limits, and slurmdb answers 200 without writing
when a parent is missing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from ..capabilities import capabilities_of
from ..errors import NotFound, Refused, error_for
from ..models import (
    Account,
    AccountingRun,
    Association,
    AssociationLimits,
    Cluster,
    Diag,
    JobSpec,
    JobStateRow,
    Listing,
    LiveJob,
    Node,
    Partition,
    Ping,
    Share,
    Submitted,
    User,
)
from ..transport import Reply, Request
from . import v42_read as read
from . import v42_wire as wire
from .base import Envelope, convert_all, decode, failure

_NO_LIMIT: dict[str, Any] = {"set": False, "infinite": True, "number": 0}


_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}


def _decoder[T](kind: type[T]) -> msgspec.json.Decoder[T]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind, strict=False)
    return _decoders[kind]


class V42Codec:
    """See `Codec` for the meaning of the methods."""

    def __init__(self, version: str = "v0.0.42") -> None:
        self.version = version
        self.capabilities = capabilities_of(version)
        self._slurm = f"/slurm/{version}"
        self._slurmdb = f"/slurmdb/{version}"

    # --- slurmctld: service ---

    def ping(self) -> Request:
        return Request("ping", "GET", f"{self._slurm}/ping/")

    def read_ping(self, reply: Reply) -> Ping:
        body = decode(_decoder(wire.PingWire), reply)
        slurm = (body.meta and body.meta.slurm) or wire.SlurmMeta()
        return Ping(
            up=any(row.pinged == "UP" for row in body.pings or ()),
            release=slurm.release or "",
            cluster=slurm.cluster or "",
        )

    def diag(self) -> Request:
        return Request("diag", "GET", f"{self._slurm}/diag/")

    def read_diag(self, reply: Reply) -> Diag:
        return read.diag(reply.operation, decode(_decoder(wire.DiagWire), reply).statistics)

    def partitions(self) -> Request:
        return Request("partitions", "GET", f"{self._slurm}/partitions/")

    def read_partitions(self, reply: Reply) -> Listing[Partition]:
        body = decode(_decoder(wire.PartitionsWire), reply)
        return _listing(body, body.partitions, wire.PartitionWire, read.partition)

    def nodes(self) -> Request:
        return Request("nodes", "GET", f"{self._slurm}/nodes/")

    def read_nodes(self, reply: Reply) -> Listing[Node]:
        body = decode(_decoder(wire.NodesWire), reply)
        return _listing(body, body.nodes, wire.NodeWire, read.node)

    def shares(self) -> Request:
        return Request("shares", "GET", f"{self._slurm}/shares")

    def read_shares(self, reply: Reply) -> Listing[Share]:
        body = decode(_decoder(wire.SharesWire), reply)
        return _listing(body, body.shares.shares if body.shares else None, wire.ShareWire, read.share)

    # --- slurmctld: jobs ---

    def submit(self, spec: JobSpec) -> Request:
        job: dict[str, Any] = {
            "name": spec.name,
            "account": spec.account,
            "partition": spec.partition,
            "current_working_directory": spec.cwd,
            "environment": [f"{name}={value}" for name, value in spec.environment.items()],
            "tasks": spec.tasks,
            "cpus_per_task": spec.cpus_per_task,
            "nodes": str(spec.nodes),
            "time_limit": _number(spec.time_limit_minutes),
        }
        if spec.gpus:
            job["tres_per_job"] = f"gres/gpu{':' if spec.gpu_type else ''}{spec.gpu_type}={spec.gpus}"
        if spec.memory_mb is not None:
            job["memory_per_node"] = _number(spec.memory_mb)
        optional = {
            "comment": spec.comment,
            "standard_output": spec.stdout,
            "standard_error": spec.stderr,
            "qos": spec.qos,
            "hold": spec.hold,
        }
        job.update({name: value for name, value in optional.items() if value})
        body = msgspec.json.encode({"script": spec.script, "job": job})
        return Request("submit", "POST", f"{self._slurm}/job/submit", body=body)

    def read_submitted(self, reply: Reply) -> Submitted:
        try:
            body = _decoder(wire.SubmitWire).decode(reply.content)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            body = wire.SubmitWire()
        if body.job_id and body.job_id > 0:
            # An id means accepted, whatever status and errors[] say.
            return Submitted(job_id=body.job_id, warnings=body.warning_texts(), errors=tuple(body.problems()))
        if reply.status >= 300:
            raise failure(reply)
        raise error_for("submit", reply.status, body.problems()) or read.no_id(reply)

    def jobs(self) -> Request:
        return Request("jobs", "GET", f"{self._slurm}/jobs/")

    def read_jobs(self, reply: Reply) -> Listing[LiveJob]:
        return self._job_list(reply, wire.LiveWire, read.live_job)

    def job_states(self, job_ids: Sequence[int]) -> Request:
        # Repeated parameters: a list with commas is refused.
        query = {"job_id": [str(job_id) for job_id in job_ids]}
        return Request("job_states", "GET", f"{self._slurm}/jobs/state/", query)

    def read_job_states(self, reply: Reply) -> Listing[JobStateRow]:
        return self._job_list(reply, wire.StateWire, read.job_state)

    def job(self, job_id: int) -> Request:
        return Request("job", "GET", f"{self._slurm}/job/{job_id}")

    def read_job(self, reply: Reply) -> LiveJob:
        found = self._job_list(reply, wire.LiveWire, read.live_job)
        if not found.items:
            raise NotFound(reply.operation, "; ".join((*found.odd, *found.warnings)) or "no such job")
        return found.items[0]

    def cancel(self, job_id: int) -> Request:
        return Request("cancel", "DELETE", f"{self._slurm}/job/{job_id}")

    def read_cancelled(self, reply: Reply) -> None:
        # Always 200: the truth stands in status[].
        body = decode(_decoder(wire.CancelWire), reply)
        for row in body.status or ():
            if row.error and row.error.code:
                raise read.kill_error(reply, row.error)

    def update_job(self, job_id: int, *, hold: bool | None, account: str | None) -> Request:
        changes: dict[str, Any] = {}
        if hold is not None:
            changes["hold"] = hold
        if account is not None:
            changes["account"] = account
        return Request("update_job", "POST", f"{self._slurm}/job/{job_id}", body=msgspec.json.encode(changes))

    def read_done(self, reply: Reply) -> None:
        body = decode(_decoder(Envelope), reply)
        if any("unknown" in text.lower() for text in body.warning_texts()):
            # 24.11 ignores what it does not know and still says 200.
            raise Refused(reply.operation, "; ".join(body.warning_texts()), status=reply.status)

    # --- slurmdb ---

    def accounting_jobs(
        self,
        cluster: str,
        start: int,
        end: int,
        *,
        job_name: str | None,
        user: str | None,
        account: str | None,
    ) -> Request:
        query = {"cluster": cluster, "start_time": str(start), "end_time": str(end)} | self._flags()
        filters = {"job_name": job_name, "users": user, "account": account}
        query |= {name: value for name, value in filters.items() if value}
        return Request("accounting_jobs", "GET", f"{self._slurmdb}/jobs/", query)

    def accounting_by_id(self, cluster: str, job_ids: Sequence[int]) -> Request:
        ids = [str(job_id) for job_id in job_ids]
        query: dict[str, str | list[str]] = {"cluster": cluster, "step": ids, **self._flags()}
        return Request("accounting_by_id", "GET", f"{self._slurmdb}/jobs/", query)

    def _flags(self) -> dict[str, str]:
        flags = {"skip_steps": "true"}
        if self.capabilities.truthful_accounting_flags:
            # skip_steps alone hides requeued runs and clips elapsed times to the window.
            flags |= {"show_duplicates": "true", "disable_truncate_usage_time": "true"}
        return flags

    def read_accounting_jobs(self, reply: Reply) -> Listing[AccountingRun]:
        return self._job_list(reply, wire.RunWire, read.accounting_run)

    def tres(self) -> Request:
        return Request("tres", "GET", f"{self._slurmdb}/tres/")

    def read_tres(self, reply: Reply) -> Listing[str]:
        body = decode(_decoder(wire.TresWire), reply)
        return _listing(body, body.TRES, wire.Tres, lambda row: row.key)

    def clusters(self) -> Request:
        return Request("clusters", "GET", f"{self._slurmdb}/clusters/")

    def read_clusters(self, reply: Reply) -> Listing[Cluster]:
        body = decode(_decoder(wire.ClustersWire), reply)
        return _listing(body, body.clusters, wire.ClusterWire, read.cluster)

    def associations(self, cluster: str, account: str | None, user: str | None) -> Request:
        query = {"cluster": cluster}
        query |= {name: value for name, value in {"account": account, "user": user}.items() if value}
        return Request("associations", "GET", f"{self._slurmdb}/associations/", query)

    def read_associations(self, reply: Reply) -> Listing[Association]:
        body = decode(_decoder(wire.AssociationsWire), reply)
        return _listing(body, body.associations, wire.AssociationWire, read.association)

    def write_association(self, wanted: Association) -> Request:
        row: dict[str, Any] = {
            "cluster": wanted.cluster,
            "account": wanted.account,
            # Null means account level. An empty string would create an orphan without parent and QOS,
            # under which every submission is refused with 2066.
            "user": wanted.user or None,
            "partition": wanted.partition,
            "max": _limits(wanted.limits),
        }
        if wanted.qos:
            row["qos"] = wanted.qos
        if not wanted.user:
            row["parent_account"] = wanted.parent or "root"
        body = msgspec.json.encode({"associations": [row]})
        return Request("write_association", "POST", f"{self._slurmdb}/associations/", body=body)

    def account(self, name: str) -> Request:
        return Request("account", "GET", f"{self._slurmdb}/account/{quote(name, safe='')}")

    def read_accounts(self, reply: Reply) -> Listing[Account]:
        body = decode(_decoder(wire.AccountsWire), reply)
        return _listing(body, body.accounts, wire.AccountWire, read.account)

    def write_account(self, wanted: Account) -> Request:
        row = {"name": wanted.name, "description": wanted.description, "organization": wanted.organization}
        body = msgspec.json.encode({"accounts": [row]})
        return Request("write_account", "POST", f"{self._slurmdb}/accounts/", body=body)

    def user(self, name: str) -> Request:
        return Request("user", "GET", f"{self._slurmdb}/user/{quote(name, safe='')}")

    def read_users(self, reply: Reply) -> Listing[User]:
        body = decode(_decoder(wire.UsersWire), reply)
        return _listing(body, body.users, wire.UserWire, read.user)

    def write_user(self, wanted: User) -> Request:
        row: dict[str, Any] = {"name": wanted.name}
        if wanted.default_account:
            row["default"] = {"account": wanted.default_account}
        if wanted.admin_level != "None":
            row["administrator_level"] = [wanted.admin_level]
        return Request(
            "write_user", "POST", f"{self._slurmdb}/users/", body=msgspec.json.encode({"users": [row]})
        )

    def _job_list[W, T](self, reply: Reply, kind: type[W], convert: Callable[[W], T]) -> Listing[T]:
        if reply.status == 304:
            return Listing((), complete=False, warnings=("304: nothing has changed",))
        body = decode(_decoder(wire.JobsWire), reply)
        return _listing(body, body.jobs, kind, convert)


def _listing[W, T](
    body: Envelope, rows: list[msgspec.Raw] | None, kind: type[W], convert: Callable[[W], T]
) -> Listing[T]:
    items, odd = convert_all(rows or (), _decoder(kind), convert, kind.__name__.removesuffix("Wire"))
    warnings = body.warning_texts()
    unexplained = not items and any(not read.says_nothing_found(text) for text in warnings)
    return Listing(
        items, complete=rows is not None and not odd and not unexplained, warnings=warnings, odd=odd
    )


def _number(value: int) -> dict[str, Any]:
    return {"set": True, "infinite": False, "number": value}


def _limit(value: int | None) -> dict[str, Any]:
    return _NO_LIMIT if value is None else _number(value)


def _tres(limits: Mapping[str, int]) -> list[dict[str, Any]]:
    rows = []
    for key, count in limits.items():
        kind, _, name = key.partition("/")
        rows.append({"type": kind, "name": name, "count": count})
    return rows


def _limits(limits: AssociationLimits) -> dict[str, Any]:
    """Every limit, always: what is left out of a write is lifted."""
    return {
        "jobs": {
            "active": _limit(limits.max_active_jobs),
            "total": _limit(limits.max_submit_jobs),
            "per": {"wall_clock": _limit(limits.wall_minutes_per_job)},
        },
        "tres": {
            "total": _tres(limits.group_tres),
            "group": {
                "minutes": _tres(limits.group_tres_minutes),
                "active": _tres(limits.group_tres_running_minutes),
            },
            "minutes": {"per": {"job": _tres(limits.tres_minutes_per_job)}},
            "per": {"job": _tres(limits.tres_per_job)},
        },
    }
