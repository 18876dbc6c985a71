"""From the wire structs that all versions share to the client's models."""

from collections.abc import Sequence

from ..errors import NoAnswer, ProtocolError, SlurmError
from ..models import (
    Account,
    AccountingRun,
    Association,
    AssociationLimits,
    Cluster,
    Diag,
    ExitInfo,
    JobState,
    LiveJob,
    User,
)
from ..transport import Reply
from . import wire
from .base import gpus_in, parse_tres, split_states
from .wire import as_int, as_time, tres_map

_NOTHING_FOUND = ("found nothing", "nothing found", "zero results", "returned empty")


def says_nothing_found(warning: str) -> bool:
    """Whether a warning only says that an honest search had no result."""
    text = warning.lower()
    return any(phrase in text for phrase in _NOTHING_FOUND)


def no_id(reply: Reply) -> SlurmError:
    return NoAnswer("submit", "the answer carries no job id and no error", status=reply.status)


def diag(operation: str, row: wire.Statistics | None) -> Diag:
    now = as_time(row.req_time) if row else None
    if row is None or now is None:
        raise ProtocolError(operation, "the answer has no statistics.req_time", status=200)
    return Diag(
        server_time=now,
        dbd_agent_queue_size=row.dbd_agent_queue_size or 0,
        jobs_pending=row.jobs_pending,
        jobs_running=row.jobs_running,
    )


def live_job(row: wire.LiveWire, states: Sequence[str], *, held: bool, exit: ExitInfo) -> LiveJob:
    state, flags = split_states(states)
    tres = parse_tres(row.tres_alloc_str or "") or parse_tres(row.tres_req_str or "")
    return LiveJob(
        job_id=row.job_id,
        name=row.name or "",
        user=row.user_name or "",
        account=row.account or "",
        partition=row.partition or "",
        qos=row.qos or "",
        comment=row.comment or "",
        state=state,
        flags=flags,
        reason=row.state_reason or "",
        held=held,
        submit_time=as_time(row.submit_time),
        eligible_time=as_time(row.eligible_time),
        start_time=None if state is JobState.PENDING else as_time(row.start_time),
        expected_start_time=as_time(row.start_time) if state is JobState.PENDING else None,
        end_time=as_time(row.end_time) if state.is_terminal else None,
        time_limit_minutes=as_int(row.time_limit),
        gpus=gpus_in(tres),
        nodes=row.nodes or "",
        cwd=row.current_working_directory or "",
        stdout=row.standard_output or "",
        stderr=row.standard_error or "",
        exit=exit,
        restarts=row.restart_cnt or 0,
        array_job_id=as_int(row.array_job_id) or None,
        array_task_id=as_int(row.array_task_id),
    )


def accounting_run(row: wire.RunWire, states: Sequence[str], reason: str, exit: ExitInfo) -> AccountingRun:
    submitted = as_time(row.time.submission)
    if submitted is None:
        raise ValueError("no submission time")
    state, flags = split_states(states)
    tres = row.tres or wire.RunTresWire()
    comment = row.comment.job if isinstance(row.comment, wire.CommentWire) else row.comment
    array = row.array or wire.ArrayWire()
    return AccountingRun(
        cluster=row.cluster or "",
        job_id=row.job_id,
        submit_time=submitted,
        eligible_time=as_time(row.time.eligible),
        start_time=as_time(row.time.start),
        end_time=as_time(row.time.end),
        elapsed_s=as_int(row.time.elapsed) or 0,
        time_limit_minutes=as_int(row.time.limit),
        state=state,
        flags=flags,
        reason=reason,
        gpus=tres_map(tres.allocated).get("gres/gpu", 0),
        gpus_requested=gpus_in(tres_map(tres.requested)),
        name=row.name or "",
        user=row.user or "",
        account=row.account or "",
        partition=row.partition or "",
        qos=row.qos or "",
        comment=comment or "",
        nodes=row.nodes or "",
        exit=exit,
        restarts=row.restart_cnt or 0,
        array_job_id=array.job_id or None,
        array_task_id=as_int(array.task_id),
    )


def association(row: wire.AssociationWire) -> Association:
    most = row.max or wire.MaxWire()
    jobs = most.jobs or wire.JobLimits()
    tres = most.tres or wire.TresLimits()
    group = tres.group or wire.GroupTres()
    minutes = tres.minutes or wire.MinutesTres()
    per = tres.per or wire.PerTres()
    return Association(
        cluster=row.cluster or "",
        account=row.account,
        user=row.user or "",
        partition=row.partition or "",
        parent=row.parent_account or "",
        is_default=bool(row.is_default),
        qos=tuple(row.qos or ()),
        limits=AssociationLimits(
            group_tres_minutes=tres_map(group.minutes),
            group_tres_running_minutes=tres_map(group.active),
            group_tres=tres_map(tres.total),
            tres_minutes_per_job=tres_map(minutes.per.job if minutes.per else None),
            tres_per_job=tres_map(per.job),
            tres_per_node=tres_map(per.node),
            tres_running_minutes=tres_map(minutes.total),
            wall_minutes_per_job=as_int(jobs.per.wall_clock) if jobs.per else None,
            max_active_jobs=as_int(jobs.active),
            max_submit_jobs=as_int(jobs.total),
        ),
    )


def account(row: wire.AccountWire) -> Account:
    return Account(name=row.name, description=row.description or "", organization=row.organization or "")


def user(row: wire.UserWire) -> User:
    level = row.administrator_level
    return User(
        name=row.name,
        admin_level=(level if isinstance(level, str) else next(iter(level or ()), "")) or "None",
        default_account=(row.default and row.default.account) or "",
    )


def cluster(row: wire.ClusterWire) -> Cluster:
    return Cluster(name=row.name, controller_host=(row.controller and row.controller.host) or "")


def gres(text: str) -> tuple[str, int]:
    """`gpu:h100:8(S:0-1),nic:2` → ("h100", 8); several models add up under the first one's name."""
    kind, total = "", 0
    for part in text.split(","):
        words = part.partition("(")[0].split(":")
        if words[0] == "gpu" and words[-1].isdigit():
            total += int(words[-1])
            kind = kind or (words[1] if len(words) > 2 else "")
    return kind, total
