"""Submissions in v0.0.38: what slurmrestd does not know it refuses, and what slurmctld wants to say of a job
that it accepted stands in `errors`.

Accepted with an error: held jobs (2042), and jobs beyond a limit of their partition (2015), which wait for
ever. Accepted without a word: an empty script, which is launched in vain and then held.
"""

from typing import Any

import msgspec

from .cluster import VirtualCluster
from .config import PartitionConfig
from .jobs import Job, Wish, planned_run
from .reply import Reply, Stop
from .submission import LARGEST_SCRIPT, MESSAGES, can_ever_run, count, objection, read_body

KNOWN_FIELDS = frozenset(
    {
        "account", "argv", "array", "batch_features", "begin_time", "burst_buffer", "cluster_constraints",
        "comment", "constraints", "core_specification", "cores_per_socket", "cpu_binding", "cpu_frequency",
        "cpus_per_gpu", "cpus_per_task", "current_working_directory", "deadline", "delay_boot",
        "dependency", "distribution", "environment", "exclusive", "get_user_environment", "gpu_binding",
        "gpu_frequency", "gpus", "gpus_per_node", "gpus_per_socket", "gpus_per_task", "gres", "gres_flags",
        "hold", "kill_on_invalid_dependency", "licenses", "mail_type", "mail_user", "mcs_label",
        "memory_binding", "memory_per_cpu", "memory_per_gpu", "memory_per_node", "minimum_cpus_per_node",
        "minimum_nodes", "name", "nice", "no_kill", "nodes", "open_mode", "partition", "priority", "qos",
        "requeue", "reservation", "signal", "sockets_per_node", "spread_job", "standard_error",
        "standard_input", "standard_output", "tasks", "tasks_per_core", "tasks_per_node",
        "tasks_per_socket", "thread_specification", "threads_per_core", "time_limit", "time_minimum",
        "wait_all_nodes", "wckey",
    }
)  # fmt: skip
PARSING_FAILED = {"error_code": 9001, "error": "Failure during parsing"}


def submit(cluster: VirtualCluster, user: str, body: bytes) -> Reply:
    """Accepts or refuses one job. Raises Stop with the refusal."""
    asked = read_body(body)
    if asked.script is None:
        raise _refuse(2009)
    job = asked.job or {}
    if objections := parse_errors(job) or _environment_errors(job):
        raise Stop(Reply(400, {"errors": [*objections, PARSING_FAILED]}))
    wish = _wish(cluster, user, asked.script, job)
    if code := objection(cluster, wish) or (2012 if len(asked.script) > LARGEST_SCRIPT else 0):
        raise _refuse(code)
    beyond = cluster.partitions[wish.partition].beyond(wish)
    if not beyond and not can_ever_run(cluster, wish):
        cluster.record("reject", wish=msgspec.to_builtins(wish))
        raise _refuse(2014)
    made: Job = cluster.record("submit", wish=msgspec.to_builtins(wish))
    said = [_error(2042)] if wish.held else [_error(2015)] if beyond else []
    return Reply(200, {"job_id": made.id, "step_id": "BATCH", "job_submit_user_msg": "", "errors": said})


def parse_errors(job: dict[str, Any]) -> list[dict[str, Any]]:
    """What slurmrestd itself refuses of a job's fields."""
    for name, value in job.items():
        if name not in KNOWN_FIELDS:
            return [{"description": f'Unknown key "{name}"', "source": "hsearch_r"}]
        if name == "priority" and value == 0:
            return _unprocessed(name, "Priority must be >0")
        if name == "environment" and not isinstance(value, dict):
            return _unprocessed(name, "environment must be a dictionary")
    return []


def _unprocessed(name: str, why: str) -> list[dict[str, Any]]:
    return [
        {"error": why, "error_code": -1},
        {
            "description": f'Unable to process key "{name}"',
            "error_number": -1,
            "error": "Unspecified error",
            "source": "slurm_process_option_data",
        },
    ]


def _environment_errors(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [] if job.get("environment") else [{"error": "environment must be set", "error_code": 2127}]


def _error(code: int) -> dict[str, Any]:
    return {"error_code": code, "error": MESSAGES[code]}


def _refuse(code: int) -> Stop:
    return Stop(Reply(500, {"errors": [_error(code)]}))


def _wish(cluster: VirtualCluster, user: str, script: str, job: dict[str, Any]) -> Wish:
    first = next(iter(cluster.partitions.values()))
    partition = job.get("partition") or first.config.name
    known = cluster.partitions.get(partition, first).config
    nodes = _nodes(job.get("nodes") or job.get("minimum_nodes"))
    gpus, gpu_type = _gpus(job, nodes, known)
    limit = int(job.get("time_limit") or known.max_time_minutes)
    run_s, exit_code = planned_run(script, limit, cluster.settings.run_fraction)
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
        nodes=nodes,
        cpus=count(job.get("tasks")) * count(job.get("cpus_per_task")),
        memory_mb=int(job.get("memory_per_node") or 2000),
        gpus=gpus,
        gpu_type=gpu_type,
        limit_minutes=limit,
        run_s=run_s,
        exit_code=exit_code,
        held=bool(job.get("hold")),
        unlaunchable=not script,
    )


def _nodes(value: Any) -> int:
    """A number, or a list of the least and the most."""
    return count(value[0] if isinstance(value, list) and value else value)


def _gpus(job: dict[str, Any], nodes: int, partition: PartitionConfig) -> tuple[int, str]:
    """`gres` (`gpu:h100:2`) counts per node, `gpus` (`h100:2`) over the whole job."""
    text, times = str(job.get("gpus") or ""), 1
    if job.get("gres"):
        text, times = str(job["gres"]).removeprefix("gpu").removeprefix(":") or "1", nodes
    if not text:
        return 0, ""
    model, _, amount = text.rpartition(":")
    return int(amount) * times if amount.isdigit() else times, model or partition.gpu_type
