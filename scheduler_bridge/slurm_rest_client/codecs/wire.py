"""The parts of replies that all versions share. Every field may be missing or null."""

import msgspec

from .base import Envelope


class Num(msgspec.Struct):
    """Slurm's `{"set": …, "infinite": …, "number": …}`; v0.0.38 writes plain numbers instead."""

    set: bool | None = None
    infinite: bool | None = None
    number: float | None = None


_NEVER = 2**32 - 16

type Number = Num | float | None


def as_int(value: Number) -> int | None:
    """The number, or None when it is unset, infinite or one of the plain "no value" marks."""
    if isinstance(value, Num):
        usable = value.set and not value.infinite and value.number is not None
        return int(value.number) if usable and value.number is not None else None
    return None if value is None or value < 0 else int(value)


def as_time(value: Number) -> int | None:
    """Epoch seconds; Slurm writes 0 for "not yet" and a number near 2**32 for "never"."""
    seconds = as_int(value)
    return seconds if seconds and seconds < _NEVER else None


class Tres(msgspec.Struct):
    type: str | None = None
    name: str | None = None
    count: int | None = None

    @property
    def key(self) -> str:
        return f"{self.type}/{self.name}" if self.name else (self.type or "")


def tres_map(rows: list[Tres] | None) -> dict[str, int]:
    return {row.key: row.count for row in rows or () if row.count is not None and row.count >= 0}


class LiveWire(msgspec.Struct, kw_only=True):
    """A live job without its state and its exit, which each version writes in its own way."""

    job_id: int
    name: str | None = None
    user_name: str | None = None
    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    comment: str | None = None
    state_reason: str | None = None
    submit_time: Number = None
    eligible_time: Number = None
    start_time: Number = None
    end_time: Number = None
    time_limit: Number = None
    tres_alloc_str: str | None = None
    tres_req_str: str | None = None
    nodes: str | None = None
    current_working_directory: str | None = None
    standard_output: str | None = None
    standard_error: str | None = None
    restart_cnt: int | None = None
    array_job_id: Number = None
    array_task_id: Number = None


class CommentWire(msgspec.Struct):
    job: str | None = None


class ArrayWire(msgspec.Struct):
    job_id: int | None = None
    task_id: Number = None


class TimeWire(msgspec.Struct):
    submission: Number = None
    eligible: Number = None
    start: Number = None
    end: Number = None
    elapsed: Number = None
    limit: Number = None


class RunTresWire(msgspec.Struct):
    allocated: list[Tres] | None = None
    requested: list[Tres] | None = None


class RunWire(msgspec.Struct, kw_only=True):
    """A recorded run without its state and its exit."""

    job_id: int
    time: TimeWire
    cluster: str | None = None
    name: str | None = None
    user: str | None = None
    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    comment: CommentWire | str | None = None
    tres: RunTresWire | None = None
    nodes: str | None = None
    restart_cnt: int | None = None
    array: ArrayWire | None = None


class JobsWire(Envelope):
    jobs: list[msgspec.Raw] | None = None


class SubmitWire(Envelope):
    job_id: int | None = None


class Statistics(msgspec.Struct):
    req_time: Number
    dbd_agent_queue_size: int | None = None
    jobs_pending: int | None = None
    jobs_running: int | None = None


class DiagWire(Envelope):
    statistics: Statistics | None = None


class LimitsPer(msgspec.Struct):
    wall_clock: Number = None


class JobLimits(msgspec.Struct):
    per: LimitsPer | None = None
    active: Number = None
    total: Number = None


class GroupTres(msgspec.Struct):
    minutes: list[Tres] | None = None
    active: list[Tres] | None = None


class PerTres(msgspec.Struct):
    job: list[Tres] | None = None
    node: list[Tres] | None = None


class MinutesTres(msgspec.Struct):
    per: PerTres | None = None
    total: list[Tres] | None = None


class TresLimits(msgspec.Struct):
    total: list[Tres] | None = None
    group: GroupTres | None = None
    minutes: MinutesTres | None = None
    per: PerTres | None = None


class MaxWire(msgspec.Struct):
    jobs: JobLimits | None = None
    tres: TresLimits | None = None


class AssociationWire(msgspec.Struct):
    account: str
    cluster: str | None = None
    user: str | None = None
    partition: str | None = None
    parent_account: str | None = None
    is_default: bool | None = None
    qos: list[str] | None = None
    max: MaxWire | None = None


class AssociationsWire(Envelope):
    associations: list[msgspec.Raw] | None = None


class AccountWire(msgspec.Struct):
    name: str
    description: str | None = None
    organization: str | None = None


class AccountsWire(Envelope):
    accounts: list[msgspec.Raw] | None = None


class DefaultWire(msgspec.Struct):
    account: str | None = None


class UserWire(msgspec.Struct):
    name: str
    administrator_level: list[str] | str | None = None
    default: DefaultWire | None = None


class UsersWire(Envelope):
    users: list[msgspec.Raw] | None = None


class TresWire(Envelope):
    TRES: list[msgspec.Raw] | None = None


class ControllerWire(msgspec.Struct):
    host: str | None = None


class ClusterWire(msgspec.Struct):
    name: str
    controller: ControllerWire | None = None


class ClustersWire(Envelope):
    clusters: list[msgspec.Raw] | None = None


class QosWire(msgspec.Struct):
    name: str


class PartitionsWire(Envelope):
    partitions: list[msgspec.Raw] | None = None


class NodesWire(Envelope):
    nodes: list[msgspec.Raw] | None = None
