"""Submissions in v0.0.42: what slurmctld does not know it ignores, with a warning."""

from typing import Any

import msgspec

from .cluster import VirtualCluster
from .jobs import Job, Wish, planned_run
from .reply import Reply, Stop, refusal, warning
from .submission import LARGEST_SCRIPT, MESSAGES, can_ever_run, count, objection, read_body

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


def submit(cluster: VirtualCluster, user: str, body: bytes) -> Reply:
    """Accepts or refuses one job. Raises Stop with the refusal."""
    asked = read_body(body)
    if not asked.script:
        text = 'Populated "script" field is required for job submission'
        raise Stop(refusal(422, 9000, "Query empty or not RFC7320 compliant", "_job_post", text))
    job = asked.job or {}
    warnings = unknown_fields(job, "#/job/")
    wish = _wish(cluster, user, asked.script, job)
    code = objection(cluster, wish) or _missing(job) or (2012 if len(asked.script) > LARGEST_SCRIPT else 0)
    if code:
        raise _refuse(code)
    if not can_ever_run(cluster, wish):
        cluster.record("reject", wish=msgspec.to_builtins(wish))
        raise _refuse(2014)
    made: Job = cluster.record("submit", wish=msgspec.to_builtins(wish))
    if wish.held:
        warnings.append(warning(MESSAGES[2042], "slurm_submit_batch_job()"))
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


def _missing(job: dict[str, Any]) -> int:
    if not job.get("current_working_directory"):
        return 2063
    return 0 if job.get("environment") else 2019


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
    return Stop(refusal(500, code, MESSAGES[code], source, "Batch job submission failed"))


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
        nodes=count(job.get("nodes") or job.get("minimum_nodes")),
        cpus=count(job.get("tasks")) * count(job.get("cpus_per_task")),
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
