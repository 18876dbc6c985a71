"""What the codecs of all versions share: paths, and the calls that read and write alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from ..capabilities import capabilities_of
from ..errors import NotFound, error_for
from ..models import (
    Account,
    Association,
    AssociationLimits,
    Cluster,
    Diag,
    JobSpec,
    Listing,
    LiveJob,
    Submitted,
    User,
)
from ..transport import Reply, Request
from . import read, wire
from .base import Envelope, convert_all, decode, failure

_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}


def decoder[T](kind: type[T]) -> msgspec.json.Decoder[T]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind, strict=False)
    return _decoders[kind]


class RestCodec:
    """See `Codec` for the meaning of the methods."""

    list_end = "/"
    """What the paths of lists end with."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.capabilities = capabilities_of(version)
        self._slurm = f"/slurm/{version}"
        self._slurmdb = f"/slurmdb/{version}"

    # --- slurmctld ---

    def ping(self) -> Request:
        return self._get_list("ping", self._slurm)

    def diag(self) -> Request:
        return self._get_list("diag", self._slurm)

    def read_diag(self, reply: Reply) -> Diag:
        return read.diag(reply.operation, self._decode(wire.DiagWire, reply).statistics)

    def partitions(self) -> Request:
        return self._get_list("partitions", self._slurm)

    def nodes(self) -> Request:
        return self._get_list("nodes", self._slurm)

    def jobs(self) -> Request:
        return self._get_list("jobs", self._slurm)

    def job(self, job_id: int) -> Request:
        return Request("job", "GET", f"{self._slurm}/job/{job_id}")

    def read_jobs(self, reply: Reply) -> Listing[LiveJob]:
        raise NotImplementedError

    def read_job(self, reply: Reply) -> LiveJob:
        found = self.read_jobs(reply)
        if not found.items:
            raise NotFound(reply.operation, "; ".join((*found.odd, *found.warnings)) or "no such job")
        return found.items[0]

    def _submission(self, spec: JobSpec, own: dict[str, Any]) -> Request:
        """The submission, with the fields that this version writes in its `own` way."""
        job: dict[str, Any] = {
            "name": spec.name,
            "account": spec.account,
            "partition": spec.partition,
            "current_working_directory": spec.cwd,
            "tasks": spec.tasks,
            "cpus_per_task": spec.cpus_per_task,
            **own,
        }
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
            body = decoder(wire.SubmitWire).decode(reply.content)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            body = wire.SubmitWire()
        if body.job_id and body.job_id > 0:
            # An id means accepted, whatever status and errors[] say.
            return Submitted(job_id=body.job_id, warnings=body.warning_texts(), errors=tuple(body.problems()))
        if reply.status >= 300:
            raise failure(reply)
        raise error_for("submit", reply.status, body.problems()) or read.no_id(reply)

    def cancel(self, job_id: int) -> Request:
        return Request("cancel", "DELETE", f"{self._slurm}/job/{job_id}")

    def update_job(self, job_id: int, *, hold: bool | None, account: str | None) -> Request:
        changes: dict[str, Any] = {}
        if hold is not None:
            changes["hold"] = hold
        if account is not None:
            changes["account"] = account
        return Request("update_job", "POST", f"{self._slurm}/job/{job_id}", body=msgspec.json.encode(changes))

    # --- slurmdb ---

    def tres(self) -> Request:
        return self._get_list("tres", self._slurmdb)

    def read_tres(self, reply: Reply) -> Listing[str]:
        return self._list(reply, wire.TresWire, lambda body: body.TRES, wire.Tres, lambda row: row.key)

    def clusters(self) -> Request:
        return self._get_list("clusters", self._slurmdb)

    def read_clusters(self, reply: Reply) -> Listing[Cluster]:
        return self._list(
            reply, wire.ClustersWire, lambda body: body.clusters, wire.ClusterWire, read.cluster
        )

    def qos(self) -> Request:
        return self._get_list("qos", self._slurmdb)

    def associations(self, cluster: str, account: str | None, user: str | None) -> Request:
        query = {"cluster": cluster}
        query |= {name: value for name, value in {"account": account, "user": user}.items() if value}
        return Request("associations", "GET", f"{self._slurmdb}/associations{self.list_end}", query)

    def read_associations(self, reply: Reply) -> Listing[Association]:
        return self._list(
            reply,
            wire.AssociationsWire,
            lambda body: body.associations,
            wire.AssociationWire,
            read.association,
        )

    def delete_association(self, cluster: str, account: str, user: str) -> Request:
        # The singular path refuses whatever is not exactly one association. The plural one would remove all
        # that it matches and, on 24.11, everything of the same lineage.
        query = {"cluster": cluster, "account": account, "user": user}
        path = f"{self._slurmdb}/association{self.list_end}"
        return Request("delete_association", "DELETE", path, query)

    def read_deleted(self, reply: Reply) -> None:
        if reply.status == 304:
            raise NotFound(reply.operation, "there is no such association", status=reply.status)
        self._decode(Envelope, reply)

    def account(self, name: str) -> Request:
        return Request("account", "GET", f"{self._slurmdb}/account/{quote(name, safe='')}")

    def read_accounts(self, reply: Reply) -> Listing[Account]:
        return self._list(
            reply, wire.AccountsWire, lambda body: body.accounts, wire.AccountWire, read.account
        )

    def write_account(self, wanted: Account) -> Request:
        row = {"name": wanted.name, "description": wanted.description, "organization": wanted.organization}
        return self._write("write_account", "accounts", row)

    def user(self, name: str) -> Request:
        return Request("user", "GET", f"{self._slurmdb}/user/{quote(name, safe='')}")

    def read_users(self, reply: Reply) -> Listing[User]:
        return self._list(reply, wire.UsersWire, lambda body: body.users, wire.UserWire, read.user)

    # --- shapes ---

    def _get_list(self, operation: str, root: str) -> Request:
        return Request(operation, "GET", f"{root}/{operation}{self.list_end}")

    def _write(self, operation: str, what: str, *rows: dict[str, Any]) -> Request:
        body = msgspec.json.encode({what: rows})
        return Request(operation, "POST", f"{self._slurmdb}/{what}{self.list_end}", body=body)

    def _decode[T: Envelope](self, kind: type[T], reply: Reply) -> T:
        """The answer to a query. Raises SlurmError."""
        return decode(decoder(kind), reply)

    def _list[E: Envelope, W, T](
        self,
        reply: Reply,
        envelope: type[E],
        rows_of: Callable[[E], Sequence[msgspec.Raw] | None],
        kind: type[W],
        convert: Callable[[W], T],
    ) -> Listing[T]:
        """Every row that can be read. An empty list that nobody explains is no answer."""
        if reply.status == 304:
            return Listing((), complete=False, warnings=("304: nothing has changed",))
        body = self._decode(envelope, reply)
        rows = rows_of(body)
        items, odd = convert_all(rows or (), decoder(kind), convert, kind.__name__.removesuffix("Wire"))
        warnings = body.warning_texts()
        unexplained = not items and any(not read.says_nothing_found(text) for text in warnings)
        return Listing(
            items, complete=rows is not None and not odd and not unexplained, warnings=warnings, odd=odd
        )

    def _job_list[W, T](self, reply: Reply, kind: type[W], convert: Callable[[W], T]) -> Listing[T]:
        return self._list(reply, wire.JobsWire, lambda body: body.jobs, kind, convert)


def tres_rows(limits: Mapping[str, int]) -> list[dict[str, Any]]:
    """A TRES map as every version writes it."""
    rows = []
    for key, count in limits.items():
        kind, _, name = key.partition("/")
        rows.append({"type": kind, "name": name, "count": count})
    return rows


def limits_body(
    limits: AssociationLimits,
    *,
    number: Callable[[int | None], Any],
    tres: Callable[[Mapping[str, int]], list[dict[str, Any]]],
) -> dict[str, Any]:
    """Every limit, always; `number` and `tres` write one in the version's way."""
    return {
        "jobs": {
            "active": number(limits.max_active_jobs),
            "total": number(limits.max_submit_jobs),
            "per": {"wall_clock": number(limits.wall_minutes_per_job)},
        },
        "tres": {
            "total": tres(limits.group_tres),
            "group": {
                "minutes": tres(limits.group_tres_minutes),
                "active": tres(limits.group_tres_running_minutes),
            },
            "minutes": {
                "per": {"job": tres(limits.tres_minutes_per_job)},
                "total": tres(limits.tres_running_minutes),
            },
            "per": {"job": tres(limits.tres_per_job), "node": tres(limits.tres_per_node)},
        },
    }
