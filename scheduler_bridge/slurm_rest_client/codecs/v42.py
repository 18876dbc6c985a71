"""v0.0.42 (Slurm 24.11 and later); serves v0.0.40 to v0.0.44, which differ little.

Traps of these versions: an unknown field is ignored with a warning (so GPUs go by `tres_per_job`, never by
`gres`), a partial write of an association wipes its TRES limits, and slurmdb answers 200 without writing
when a parent is missing.
"""

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from ..models import (
    AccountingRun,
    Association,
    JobSpec,
    JobStateRow,
    Listing,
    LiveJob,
    Node,
    Partition,
    Ping,
    Share,
    User,
)
from ..transport import Reply, Request
from . import v42_read as read
from . import v42_wire as wire
from .base import Envelope
from .rest import RestCodec, limits_body, tres_rows
from .wire import NodesWire, PartitionsWire, QosWire

_NO_LIMIT: dict[str, Any] = {"set": False, "infinite": True, "number": 0}


class V42Codec(RestCodec):
    """See `Codec` for the meaning of the methods."""

    # --- slurmctld: service ---

    def read_ping(self, reply: Reply) -> Ping:
        body = self._decode(wire.PingWire, reply)
        slurm = (body.meta and body.meta.slurm) or wire.SlurmMeta()
        return Ping(
            up=any(row.pinged == "UP" for row in body.pings or ()),
            release=slurm.release or "",
            cluster=slurm.cluster or "",
        )

    def read_partitions(self, reply: Reply) -> Listing[Partition]:
        return self._list(
            reply, PartitionsWire, lambda body: body.partitions, wire.PartitionWire, read.partition
        )

    def read_nodes(self, reply: Reply) -> Listing[Node]:
        return self._list(reply, NodesWire, lambda body: body.nodes, wire.NodeWire, read.node)

    def shares(self) -> Request:
        return Request("shares", "GET", f"{self._slurm}/shares")

    def read_shares(self, reply: Reply) -> Listing[Share]:
        return self._list(
            reply,
            wire.SharesWire,
            lambda body: body.shares.shares if body.shares else None,
            wire.ShareWire,
            read.share,
        )

    # --- slurmctld: jobs ---

    def submit(self, spec: JobSpec) -> Request:
        own: dict[str, Any] = {
            "environment": [f"{name}={value}" for name, value in spec.environment.items()],
            "nodes": str(spec.nodes),
            "time_limit": _number(spec.time_limit_minutes),
        }
        if spec.gpus:
            own["tres_per_job"] = f"gres/gpu{':' if spec.gpu_type else ''}{spec.gpu_type}={spec.gpus}"
        if spec.memory_mb is not None:
            own["memory_per_node"] = _number(spec.memory_mb)
        return self._submission(spec, own)

    def read_jobs(self, reply: Reply) -> Listing[LiveJob]:
        return self._job_list(reply, wire.LiveWire, read.live_job)

    def job_states(self, job_ids: Sequence[int]) -> Request:
        # Repeated parameters: a list with commas is refused.
        query = {"job_id": [str(job_id) for job_id in job_ids]}
        return Request("job_states", "GET", f"{self._slurm}/jobs/state/", query)

    def read_job_states(self, reply: Reply) -> Listing[JobStateRow]:
        return self._job_list(reply, wire.StateWire, read.job_state)

    def read_cancelled(self, reply: Reply) -> None:
        # Always 200: the truth stands in status[].
        body = self._decode(wire.CancelWire, reply)
        for row in body.status or ():
            if row.error and row.error.code:
                raise read.kill_error(reply, row.error)

    def read_done(self, reply: Reply) -> None:
        body = self._decode(Envelope, reply)
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

    def read_qos(self, reply: Reply) -> Listing[str]:
        return self._list(reply, wire.QosListWire, lambda body: body.qos, QosWire, lambda row: row.name)

    def write_association(self, wanted: Association) -> Request:
        row: dict[str, Any] = {
            "cluster": wanted.cluster,
            "account": wanted.account,
            # Null means account level. An empty string would create an orphan without parent and QOS,
            # under which every submission is refused with 2066.
            "user": wanted.user or None,
            "partition": wanted.partition,
            # What is left out is lifted.
            "max": limits_body(wanted.limits, number=_limit, tres=tres_rows),
        }
        if wanted.qos:
            row["qos"] = wanted.qos
        if not wanted.user:
            row["parent_account"] = wanted.parent or "root"
        return self._write("write_association", "associations", row)

    def write_user(self, wanted: User) -> Request:
        row: dict[str, Any] = {"name": wanted.name}
        if wanted.default_account:
            row["default"] = {"account": wanted.default_account}
        if wanted.admin_level != "None":
            row["administrator_level"] = [wanted.admin_level]
        return self._write("write_user", "users", row)


def _number(value: int) -> dict[str, Any]:
    return {"set": True, "infinite": False, "number": value}


def _limit(value: int | None) -> dict[str, Any]:
    return _NO_LIMIT if value is None else _number(value)
