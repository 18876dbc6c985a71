"""From v0.0.38's own wire structs to the client's models."""

import re

import msgspec

from ..models import AccountingRun, ExitInfo, JobState, LiveJob, Node, Partition
from . import read
from . import v38_wire as wire
from .base import parse_tres
from .wire import as_int

_BASE_OF_FLAG = {
    "CONFIGURING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "STOPPED": JobState.RUNNING,
    "REQUEUED": JobState.PENDING,
    "REQUEUE_FED": JobState.PENDING,
    "REQUEUE_HOLD": JobState.PENDING,
    "RESV_DEL_HOLD": JobState.PENDING,
    "SPECIAL_EXIT": JobState.PENDING,
}
"""One word is all that this version says: where it is a flag, the base state that the flag goes with. A job
that is COMPLETING or STAGE_OUT has none here, for how it ended cannot be known yet."""

_NO_NODES = "None assigned"


def states(word: str) -> list[str]:
    """The state as later versions write it: base state and flags."""
    base = _BASE_OF_FLAG.get(word)
    return [base, word] if base else [word]


def live_exit(state: JobState, status: int | None) -> ExitInfo:
    """From the raw wait status: exit 7 is 1792, killed by signal 9 is 9. Nothing before the end."""
    if status is None or status < 0 or not state.is_terminal:
        return ExitInfo()
    if signal := status & 0x7F:
        return ExitInfo(status="SIGNALED", signal=signal)
    code = status >> 8
    return ExitInfo(status="ERROR" if code else "SUCCESS", return_code=code)


def recorded_exit(state: str, row: wire.ExitWire | None) -> ExitInfo:
    """slurmdb says SUCCESS and 0 of whatever ended with an exit code: true only of COMPLETED. A signal is
    told truly."""
    if row and row.status == "SIGNALED" and row.signal:
        return ExitInfo(status="SIGNALED", signal=row.signal.signal_id)
    return ExitInfo(status="SUCCESS", return_code=0) if state == JobState.COMPLETED else ExitInfo()


def live_job(row: wire.LiveWire) -> LiveJob:
    job = read.live_job(row, states(row.job_state), held=False, exit=ExitInfo())
    return msgspec.structs.replace(
        job,
        held=job.state is JobState.PENDING and as_int(row.priority) == 0,
        exit=live_exit(job.state, row.exit_code),
        stdout=expand(job.stdout, job),
        stderr=expand(job.stderr, job),
    )


def expand(path: str, job: LiveJob) -> str:
    """A path pattern as later versions show it: `%j`, `%A`, `%a`, `%x`, `%u` and `%%`; others stay."""
    known: dict[str, str] = {
        "%": "%",
        "j": str(job.job_id),
        "A": str(job.array_job_id or job.job_id),
        "x": job.name,
        "u": job.user,
    }
    if job.array_task_id is not None:
        known["a"] = str(job.array_task_id)

    def value(found: re.Match[str]) -> str:
        width, letter = found.groups()
        text = known.get(letter)
        return found[0] if text is None else text.zfill(min(int(width or 0), 10))

    return re.sub(r"%(\d*)([%a-zA-Z])", value, path)


def accounting_run(row: wire.RunWire) -> AccountingRun:
    if row.nodes == _NO_NODES:
        row.nodes = ""
    exit = recorded_exit(row.state.current, row.exit_code)
    return read.accounting_run(row, states(row.state.current), row.state.reason or "", exit)


def partition(row: wire.PartitionWire) -> Partition:
    return Partition(
        name=row.name,
        up=row.state == "UP",
        nodes=row.nodes or "",
        node_count=row.total_nodes or 0,
        cpus=row.total_cpus or 0,
        tres=parse_tres(row.tres or ""),
        max_time_minutes=as_int(row.max_time_limit),
    )


def node(row: wire.NodeWire) -> Node:
    kind, count = read.gres(row.gres or "")
    words = [row.state or "", *(row.state_flags or ())]
    return Node(
        name=row.name,
        states=frozenset(word.upper() for word in words if word),
        partitions=tuple(row.partitions or ()),
        cpus=row.cpus or 0,
        memory_mb=row.real_memory or 0,
        gres=row.gres or "",
        gpus=count,
        gpu_type=kind,
    )
