"""The parts of v0.0.38 replies that are this version's own. Every field may be missing or null."""

import msgspec

from . import wire
from .base import Envelope
from .wire import Number


class LiveWire(wire.LiveWire, kw_only=True):
    """`exit_code` is the raw wait status; there is no `hold`, a held job has priority 0."""

    job_state: str
    priority: Number = None
    exit_code: int | None = None


class SignalWire(msgspec.Struct):
    signal_id: int | None = None


class ExitWire(msgspec.Struct):
    status: str | None = None
    signal: SignalWire | None = None


class RunStateWire(msgspec.Struct):
    current: str
    reason: str | None = None


class RunWire(wire.RunWire, kw_only=True):
    state: RunStateWire
    exit_code: ExitWire | None = None


class SlurmMeta(msgspec.Struct):
    release: str | None = None


class Meta(msgspec.Struct):
    Slurm: SlurmMeta | None = None


class PingRow(msgspec.Struct):
    ping: str | None = None


class PingWire(Envelope):
    pings: list[PingRow] | None = None
    meta: Meta | None = None


class QosListWire(Envelope):
    QOS: list[msgspec.Raw] | None = None


class PartitionWire(msgspec.Struct):
    name: str
    nodes: str | None = None
    total_nodes: int | None = None
    total_cpus: int | None = None
    tres: str | None = None
    max_time_limit: Number = None
    state: str | None = None


class NodeWire(msgspec.Struct):
    name: str
    state: str | None = None
    state_flags: list[str] | None = None
    partitions: list[str] | None = None
    cpus: int | None = None
    real_memory: int | None = None
    gres: str | None = None
