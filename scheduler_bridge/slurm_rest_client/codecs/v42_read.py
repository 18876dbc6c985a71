"""From v0.0.42's own wire structs to the client's models."""

from ..errors import Problem, ProtocolError, SlurmError, error_for
from ..models import AccountingRun, ExitInfo, JobStateRow, LiveJob, Node, Partition, Share
from ..transport import Reply
from . import read
from . import v42_wire as wire
from .base import parse_tres, split_states
from .wire import as_int


def kill_error(reply: Reply, row: wire.KillErrorWire) -> SlurmError:
    problem = Problem(code=row.code or 0, message=row.string or row.message or "")
    error = error_for(reply.operation, reply.status, [problem])
    return error or ProtocolError(reply.operation, problem.text, status=reply.status)


def exit_info(row: wire.ExitWire | None) -> ExitInfo:
    if row is None:
        return ExitInfo()
    return ExitInfo(
        status=(row.status or [""])[0],
        return_code=as_int(row.return_code),
        signal=as_int(row.signal.id) if row.signal else None,
    )


def live_job(row: wire.LiveWire) -> LiveJob:
    return read.live_job(row, row.job_state, held=bool(row.hold), exit=exit_info(row.exit_code))


def job_state(row: wire.StateWire) -> JobStateRow:
    state, flags = split_states(row.state)
    job_id, _, task = str(row.job_id).partition("_")
    return JobStateRow(
        job_id=int(job_id), state=state, flags=flags, array_task_id=int(task) if task.isdigit() else None
    )


def accounting_run(row: wire.RunWire) -> AccountingRun:
    return read.accounting_run(row, row.state.current, row.state.reason or "", exit_info(row.exit_code))


def partition(row: wire.PartitionWire) -> Partition:
    nodes = row.nodes or wire.PartitionNodes()
    return Partition(
        name=row.name,
        up="UP" in ((row.partition and row.partition.state) or ()),
        nodes=nodes.configured or "",
        node_count=nodes.total or 0,
        cpus=(row.cpus and row.cpus.total) or 0,
        tres=parse_tres((row.tres and row.tres.configured) or ""),
        max_time_minutes=as_int(row.maximums.time) if row.maximums else None,
    )


def node(row: wire.NodeWire) -> Node:
    kind, count = read.gres(row.gres or "")
    return Node(
        name=row.name,
        states=frozenset(row.state or ()),
        partitions=tuple(row.partitions or ()),
        cpus=row.cpus or 0,
        memory_mb=row.real_memory or 0,
        gres=row.gres or "",
        gpus=count,
        gpu_type=kind,
    )


def share(row: wire.ShareWire) -> Share:
    usage = (row.tres and row.tres.usage) or []
    return Share(
        name=row.name,
        parent=row.parent or "",
        is_user="USER" in (row.type or ()),
        usage_seconds={part.name: as_int(part.value) or 0 for part in usage},
    )
