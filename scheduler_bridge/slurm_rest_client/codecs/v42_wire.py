"""The parts of v0.0.42 replies that are this version's own. Every field may be missing or null."""

import msgspec

from . import wire
from .base import Envelope
from .wire import Number


class SignalWire(msgspec.Struct):
    id: Number = None


class ExitWire(msgspec.Struct):
    status: list[str] | None = None
    return_code: Number = None
    signal: SignalWire | None = None


class LiveWire(wire.LiveWire, kw_only=True):
    job_state: list[str]
    hold: bool | None = None
    exit_code: ExitWire | None = None


class StateWire(msgspec.Struct):
    job_id: int | str
    state: list[str]


class RunStateWire(msgspec.Struct):
    current: list[str]
    reason: str | None = None


class RunWire(wire.RunWire, kw_only=True):
    state: RunStateWire
    exit_code: ExitWire | None = None


class KillErrorWire(msgspec.Struct):
    string: str | None = None
    code: int | None = None
    message: str | None = None


class KillWire(msgspec.Struct):
    error: KillErrorWire | None = None


class CancelWire(Envelope):
    status: list[KillWire] | None = None


class SlurmMeta(msgspec.Struct):
    release: str | None = None
    cluster: str | None = None


class Meta(msgspec.Struct):
    slurm: SlurmMeta | None = None


class PingRow(msgspec.Struct):
    pinged: str | None = None


class PingWire(Envelope):
    pings: list[PingRow] | None = None
    meta: Meta | None = None


class QosListWire(Envelope):
    qos: list[msgspec.Raw] | None = None


class PartitionNodes(msgspec.Struct):
    configured: str | None = None
    total: int | None = None


class PartitionCpus(msgspec.Struct):
    total: int | None = None


class PartitionTres(msgspec.Struct):
    configured: str | None = None


class PartitionMaximums(msgspec.Struct):
    time: Number = None


class PartitionState(msgspec.Struct):
    state: list[str] | None = None


class PartitionWire(msgspec.Struct):
    name: str
    nodes: PartitionNodes | None = None
    cpus: PartitionCpus | None = None
    tres: PartitionTres | None = None
    maximums: PartitionMaximums | None = None
    partition: PartitionState | None = None


class NodeWire(msgspec.Struct):
    name: str
    state: list[str] | None = None
    partitions: list[str] | None = None
    cpus: int | None = None
    real_memory: int | None = None
    gres: str | None = None


class NamedNumber(msgspec.Struct):
    name: str
    value: Number = None


class ShareTres(msgspec.Struct):
    usage: list[NamedNumber] | None = None


class ShareWire(msgspec.Struct):
    name: str
    parent: str | None = None
    type: list[str] | None = None
    tres: ShareTres | None = None


class SharesInner(msgspec.Struct):
    shares: list[msgspec.Raw] | None = None


class SharesWire(Envelope):
    shares: SharesInner | None = None
