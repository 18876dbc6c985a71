"""Reading a v0.0.42 submission: the checks of slurmctld, in its order and with its error numbers."""

from typing import Any

import msgspec

from .cluster import VirtualCluster
from .jobs import Job, Wish, planned_run, tres_of
from .jobs import Run as _Run
from .reply import Reply, Stop, refusal, warning

KNOWN_FIELDS = frozenset(
    {
        "account",
        "admin_comment",
        "argv",
        "array",
        "begin_time",
        "comment",
        "constraints",
        "cpus_per_task",
        "current_working_directory",
        "dependency",
        "environment",
        "exclusive",
        "extra",
        "features",
        "hold",
        "mail_type",
        "mail_user",
        "maximum_nodes",
        "memory_per_cpu",
        "memory_per_node",
        "minimum_nodes",
        "name",
        "nice",
        "nodes",
        "partition",
        "priority",
        "qos",
        "requeue",
        "required_nodes",
        "reservation",
        "script",
        "standard_error",
        "standard_input",
        "standard_output",
        "tasks",
        "time_limit",
        "tres_per_job",
        "tres_per_node",
        "tres_per_task",
        "user_id",
        "wckey",
    }
)
_LARGEST_SCRIPT = 4 * 1024 * 1024
_MESSAGES = {
    2000: "Invalid partition name specified",
    2012: "Pathname of a file, directory or other parameter too long",
    2014: "Requested node configuration is not available",
    2019: "I/O error writing script/environment to file",
    2045: "Invalid account or account/partition combination specified",
    2050: "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    2063: "Job cannot be submitted without the current working directory specified.",
    2066: "Invalid qos specification",
}


class Submission(msgspec.Struct):
    script: str | None = None
    job: dict[str, Any] | None = None


def submit(cluster: VirtualCluster, user: str, body: bytes) -> Reply:
    """Accepts or refuses one job. Raises Stop with the refusal."""
    try:
        asked = msgspec.json.decode(body, type=Submission)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Stop(Reply(400, b"Unable to parse query.")) from None
    if not asked.script:
        text = 'Populated "script" field is required for job submission'
        raise Stop(refusal(422, 9000, "Query empty or not RFC7320 compliant", "_job_post", text))
    job = asked.job or {}
    warnings = unknown_fields(job, "#/job/")
    wish = _wish(cluster, user, asked.script, job)
    _check(cluster, wish, job, asked.script)
    made: Job = cluster.record("submit", wish=msgspec.to_builtins(wish))
    if wish.held:
        text = "Job is in held state, pending scheduler release"
        warnings.append(warning(text, "slurm_submit_batch_job()"))
    return Reply(
        200,
        {
            "job_id": made.id,
            "step_id": "batch",
            "job_submit_user_msg": "",
            "errors": [],
            "warnings": warnings,
        },
    )


def unknown_fields(job: dict[str, Any], where: str) -> list[dict[str, str]]:
    """What Slurm does not know it ignores, with a warning."""
    kinds = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}
    return [
        warning(
            f'Ignoring unknown field "{name}" of type {kinds.get(type(value), "null")} '
            "in DATA_PARSER_JOB_DESC_MSG",
            f"{where}{name}/",
        )
        for name, value in job.items()
        if name not in KNOWN_FIELDS
    ]


def _refuse(code: int) -> Stop:
    source = "slurm_submit_batch_job()"
    return Stop(refusal(500, code, _MESSAGES[code], source, "Batch job submission failed"))


def _check(cluster: VirtualCluster, wish: Wish, job: dict[str, Any], script: str) -> None:
    if wish.partition not in cluster.partitions:
        raise _refuse(2000)
    own = (wish.account, wish.user)
    if own not in cluster.book.assocs or not knows_user(cluster, wish.user):
        raise _refuse(2045)
    if wish.qos not in cluster.book.qos(*own):
        raise _refuse(2066)
    most = cluster.book.effective(*own, "submit_jobs")
    if most is not None and most <= _open_jobs(cluster, wish):
        raise _refuse(2050)
    if not job.get("current_working_directory"):
        raise _refuse(2063)
    if not job.get("environment"):
        raise _refuse(2019)
    if len(script) > _LARGEST_SCRIPT:
        raise _refuse(2012)
    probe = Job(id=0, wish=wish, run=_Run(0, 0), tres=tres_of(wish))
    if not cluster.partitions[wish.partition].could_ever_hold(probe):
        cluster.record("reject", wish=msgspec.to_builtins(wish))
        raise _refuse(2014)


def knows_user(cluster: VirtualCluster, user: str) -> bool:
    return cluster.config.users is None or user in cluster.config.users


def _open_jobs(cluster: VirtualCluster, wish: Wish) -> int:
    own = (wish.account, wish.user)
    return sum(
        1 for job in cluster.live.values() if not job.ended and (job.wish.account, job.wish.user) == own
    )


def _wish(cluster: VirtualCluster, user: str, script: str, job: dict[str, Any]) -> Wish:
    first = next(iter(cluster.partitions.values()))
    partition = job.get("partition") or first.config.name
    gpus, gpu_type = _gpus(str(job.get("tres_per_job") or ""))
    known = cluster.partitions.get(partition, first).config
    limit = _number(job.get("time_limit"), known.max_time_minutes)
    run_s, exit_code = planned_run(script, limit, cluster.settings.run_fraction)
    held = bool(job.get("hold")) or _number(job.get("priority"), 1) == 0
    return Wish(
        name=str(job.get("name") or "allocation"),
        user=user,
        account=str(job.get("account") or cluster.book.users.get(user, {}).get("account", "")),
        partition=partition,
        qos=str(job.get("qos") or "normal"),
        comment=str(job.get("comment") or ""),
        cwd=str(job.get("current_working_directory") or ""),
        stdout=str(job.get("standard_output") or ""),
        stderr=str(job.get("standard_error") or ""),
        nodes=_count(job.get("nodes") or job.get("minimum_nodes")),
        cpus=_count(job.get("tasks")) * _count(job.get("cpus_per_task")),
        memory_mb=_number(job.get("memory_per_node"), 2000),
        gpus=gpus,
        gpu_type=gpu_type or (known.gpu_type if gpus else ""),
        limit_minutes=limit,
        run_s=run_s,
        exit_code=exit_code,
        held=held,
    )


def _gpus(text: str) -> tuple[int, str]:
    """`gres/gpu:h100=2` or `gres/gpu=2` (also with `:` before the count) → (2, "h100")."""
    name, _, count = text.replace("gres:", "gres/").rpartition("=")
    if not name:
        name, _, count = text.rpartition(":")
    return (int(count) if count.isdigit() else 0), name.partition("gpu:")[2]


def _number(value: Any, default: int) -> int:
    if isinstance(value, dict):
        return int(value["number"]) if value.get("set") and not value.get("infinite") else default
    return int(value) if isinstance(value, int | float) else default


def _count(value: Any) -> int:
    text = str(value or 1).partition("-")[0]
    return max(int(text), 1) if text.isdigit() else 1
