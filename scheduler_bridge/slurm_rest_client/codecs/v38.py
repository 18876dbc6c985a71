"""v0.0.38 (Slurm 22.05 to 23.11).

Traps of this version: GPUs go by `gres`, which counts per node; a write to an association that leaves out
one of its TRES limits crashes slurmrestd, and one that changes an account's limits does nothing; slurmdb's
exit codes are wrong; a refused token looks like a lost reply or like a dead slurmctld.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..errors import NoAnswer, NotFound, Unavailable, VersionUnsupported
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
from . import v38_read as read
from . import v38_wire as wire
from .base import Envelope
from .rest import RestCodec, decoder, limits_body, tres_rows
from .wire import NodesWire, PartitionsWire, QosWire

_NOTHING_FOUND = 9003
_UNSPECIFIED = -1
_LIFTED = -1
"""A limit of this count is no limit."""

_CHANGES = frozenset(
    {
        "submit",
        "cancel",
        "update_job",
        "write_association",
        "delete_association",
        "write_account",
        "write_user",
    }
)


class V38Codec(RestCodec):
    """See `Codec` for the meaning of the methods."""

    list_end = ""

    # --- slurmctld: service ---

    def read_ping(self, reply: Reply) -> Ping:
        try:
            body = self._decode(wire.PingWire, reply)
        except Unavailable:
            # As later versions, which answer 200 and DOWN: to a dead controller as to a bad token.
            body = decoder(wire.PingWire).decode(reply.content)
        slurm = (body.meta and body.meta.Slurm) or wire.SlurmMeta()
        up = any(row.ping == "UP" for row in body.pings or ())
        return Ping(up=up, release=slurm.release or "", cluster="")

    def read_partitions(self, reply: Reply) -> Listing[Partition]:
        return self._list(
            reply, PartitionsWire, lambda body: body.partitions, wire.PartitionWire, read.partition
        )

    def read_nodes(self, reply: Reply) -> Listing[Node]:
        return self._list(reply, NodesWire, lambda body: body.nodes, wire.NodeWire, read.node)

    def shares(self) -> Request:
        raise self._without("shares")

    def read_shares(self, reply: Reply) -> Listing[Share]:
        raise self._without(reply.operation)

    # --- slurmctld: jobs ---

    def submit(self, spec: JobSpec) -> Request:
        own: dict[str, Any] = {
            "environment": spec.environment,
            "nodes": spec.nodes,
            "time_limit": spec.time_limit_minutes,
        }
        if spec.gpus:
            gpus = f"{spec.gpu_type}{':' if spec.gpu_type else ''}{spec.gpus}"
            # `gres` counts per node, `gpus` over the whole job.
            own |= {"gres": f"gpu:{gpus}"} if spec.nodes == 1 else {"gpus": gpus}
        if spec.memory_mb is not None:
            own["memory_per_node"] = spec.memory_mb
        return self._submission(spec, own)

    def read_jobs(self, reply: Reply) -> Listing[LiveJob]:
        return self._job_list(reply, wire.LiveWire, read.live_job)

    def job_states(self, job_ids: Sequence[int]) -> Request:
        raise self._without("job_states")

    def read_job_states(self, reply: Reply) -> Listing[JobStateRow]:
        raise self._without(reply.operation)

    def read_cancelled(self, reply: Reply) -> None:
        self.read_done(reply)

    def read_done(self, reply: Reply) -> None:
        try:
            self._decode(Envelope, reply)
        except NoAnswer as error:
            if not (reply.operation == "write_association" and _only_misses_user(error)):
                raise

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
        query = {"cluster": cluster, "start_time": f"uts{start}", "end_time": f"uts{end}"}
        # There is no filter by user: the client picks them out.
        filters = {"skip_steps": "true", "job_name": job_name, "account": account}
        query |= {name: value for name, value in filters.items() if value}
        return Request("accounting_jobs", "GET", f"{self._slurmdb}/jobs", query)

    def accounting_by_id(self, cluster: str, job_ids: Sequence[int]) -> Request:
        # With commas: of repeated parameters the last one alone counts.
        ids = ",".join(str(job_id) for job_id in job_ids)
        query = {"cluster": cluster, "step": ids, "skip_steps": "true"}
        return Request("accounting_by_id", "GET", f"{self._slurmdb}/jobs", query)

    def read_accounting_jobs(self, reply: Reply) -> Listing[AccountingRun]:
        return self._job_list(reply, wire.RunWire, read.accounting_run)

    def read_qos(self, reply: Reply) -> Listing[str]:
        return self._list(reply, wire.QosListWire, lambda body: body.QOS, QosWire, lambda row: row.name)

    def write_association(self, wanted: Association) -> Request:
        row: dict[str, Any] = {
            "cluster": wanted.cluster,
            "account": wanted.account,
            "max": limits_body(wanted.limits, number=_number, tres=_tres),
        }
        if wanted.partition:
            row["partition"] = wanted.partition
        if wanted.qos:
            row["qos"] = wanted.qos
        if wanted.user:
            row["user"] = wanted.user
        else:
            # No `user` at all means account level; an empty one makes an orphan, as on 24.11.
            row["parent_account"] = wanted.parent or "root"
        return self._write("write_association", "associations", row)

    def write_user(self, wanted: User) -> Request:
        row: dict[str, Any] = {"name": wanted.name}
        if wanted.default_account:
            row["default"] = {"account": wanted.default_account}
        if wanted.admin_level != "None":
            row["administrator_level"] = wanted.admin_level
        return self._write("write_user", "users", row)

    # --- shapes ---

    def _decode[T: Envelope](self, kind: type[T], reply: Reply) -> T:
        try:
            return super()._decode(kind, reply)
        except NoAnswer as error:
            if error.code == _UNSPECIFIED and reply.operation not in _CHANGES:
                # A query changes nothing, so it is no matter that nobody knows whether it was carried out.
                raise Unavailable(
                    error.operation,
                    error.reason,
                    status=error.status,
                    code=error.code,
                    problems=error.problems,
                ) from None
            raise

    def _list[E: Envelope, W, T](
        self,
        reply: Reply,
        envelope: type[E],
        rows_of: Callable[[E], Sequence[msgspec.Raw] | None],
        kind: type[W],
        convert: Callable[[W], T],
    ) -> Listing[T]:
        try:
            return super()._list(reply, envelope, rows_of, kind, convert)
        except NotFound as error:
            if error.code != _NOTHING_FOUND:
                raise
            # An honest search without a result, with status 200 or 500.
            return Listing((), warnings=(error.reason,))

    def _without(self, operation: str) -> VersionUnsupported:
        return VersionUnsupported(operation, f"{self.version} has no such call")


def _only_misses_user(error: NoAnswer) -> bool:
    """What slurmrestd says of every association without a user, and writes it all the same."""
    return error.status == 200 and all("field 'user'" in problem.text for problem in error.problems)


def _number(value: int | None) -> int:
    return _LIFTED if value is None else value


def _tres(limits: Mapping[str, int]) -> list[dict[str, Any]]:
    # What is sent replaces all that was there. Nothing at all is never sent: it crashes slurmrestd.
    return tres_rows(limits or {"cpu": _LIFTED})
