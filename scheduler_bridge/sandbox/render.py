"""Jobs, runs and associations in v0.0.42's words: the fields that a client may need, spelt as Slurm does."""

from typing import Any

from .accounts import Assoc, Book, Limits
from .jobs import Job, Run
from .scheduler import Partition

TRES_IDS = {"cpu": 1, "mem": 2, "energy": 3, "node": 4, "billing": 5, "gres/gpu": 1001}
_NO_TIME = 4294967294
"""Slurm's "no value" where a run never started."""


def number(value: float | None, *, infinite: bool = False) -> dict[str, Any]:
    return {"set": value is not None, "infinite": value is None and infinite, "number": int(value or 0)}


def tres_text(tres: dict[str, int]) -> str:
    return ",".join(f"{key}={count}{'M' if key == 'mem' else ''}" for key, count in tres.items())


def tres_list(tres: dict[str, int]) -> list[dict[str, Any]]:
    rows = []
    for key, count in tres.items():
        kind, _, name = key.partition("/")
        rows.append({"type": kind, "name": name, "id": TRES_IDS.get(key, 1002), "count": count})
    return rows


def exit_code(run: Run, code: int) -> dict[str, Any]:
    none = {"id": number(None), "name": ""}
    if run.state == "FAILED" and not run.start:
        return {
            "status": ["SIGNALED"],
            "return_code": number(None),
            "signal": {"id": number(1), "name": "HUP"},
        }
    if run.state == "FAILED":
        return {"status": ["ERROR"], "return_code": number(code), "signal": none}
    if run.state == "CANCELLED" and run.start:
        return {
            "status": ["SIGNALED"],
            "return_code": number(None),
            "signal": {"id": number(15), "name": "TERM"},
        }
    return {"status": ["SUCCESS"], "return_code": number(0), "signal": none}


def nodes_text(names: list[str]) -> str:
    return ",".join(names)


def live_job(job: Job, cluster: str, speed: float) -> dict[str, Any]:
    wish, run = job.wish, job.run
    # While a job runs, end_time is the moment at which its time limit strikes.
    end = run.end or (run.start + wish.limit_minutes * 60 / speed if run.start else 0)
    return {
        "account": wish.account,
        "array_job_id": number(0),
        "array_task_id": number(None),
        "cluster": cluster,
        "comment": wish.comment,
        "current_working_directory": wish.cwd,
        "eligible_time": number(run.eligible),
        "end_time": number(end),
        "exit_code": exit_code(run, wish.exit_code),
        "hold": wish.held,
        "job_id": job.id,
        "job_resources": None,
        "job_state": [run.state],
        "name": wish.name,
        "nodes": nodes_text(run.nodes),
        "partition": wish.partition,
        "priority": number(0 if wish.held else 1),
        "qos": wish.qos,
        "restart_cnt": job.restarts,
        "standard_error": wish.stderr or wish.stdout,
        "standard_output": wish.stdout,
        "start_time": number(run.start or run.end),
        "state_reason": job.reason,
        "submit_time": number(run.submit),
        "time_limit": number(wish.limit_minutes),
        "tres_alloc_str": tres_text(job.tres) if run.start else "",
        "tres_req_str": tres_text(job.tres),
        "user_name": wish.user,
    }


def run_row(
    job: Job, run: Run, cluster: str, seen_at: float, window: tuple[float, float] | None
) -> dict[str, Any]:
    """One slurmdb record as slurmdbd knows it at `seen_at`; `window` clips its times, as without
    disable_truncate_usage_time."""
    wish = job.wish
    started, ended = 0 < run.start <= seen_at, 0 < run.end <= seen_at
    state = [run.state] if ended else ["RUNNING" if started else "PENDING"]
    if ended and run.state == "REQUEUED":
        state = ["PENDING", "REQUEUED"]
    start = int(run.start) if started else 0
    end = int(run.end) if ended else 0
    if window is not None:
        start = max(start, int(window[0])) if start else 0
        end = min(end, int(window[1])) if end else 0
    elapsed = max((end or int(seen_at)) - start, 0) if start else 0
    never_started = ended and not started
    return {
        "account": wish.account,
        "array": {"job_id": 0, "task_id": number(None), "task": ""},
        "cluster": cluster,
        "comment": {"administrator": "", "job": wish.comment, "system": ""},
        "exit_code": exit_code(run, wish.exit_code) if ended else exit_code(Run(0, 0), 0),
        "flags": ["STARTED_ON_SCHEDULE", "START_RECEIVED"] if started else ["START_RECEIVED"],
        "job_id": job.id,
        "kill_request_user": run.cancelled_by if ended else "",
        "name": wish.name,
        "nodes": nodes_text(run.nodes) if started else "None assigned",
        "partition": wish.partition,
        "qos": wish.qos,
        "restart_cnt": 0,
        "state": {"current": state, "reason": "None"},
        "steps": [],
        "time": {
            "elapsed": elapsed,
            "eligible": int(run.eligible),
            "start": _NO_TIME if never_started else start,
            "end": end,
            "submission": int(run.submit),
            "suspended": 0,
            "limit": number(wish.limit_minutes),
        },
        "tres": {
            "allocated": tres_list(job.tres) if started else [],
            "requested": tres_list(job.tres),
        },
        "user": wish.user,
        "working_directory": wish.cwd,
    }


def association(assoc: Assoc, book: Book, cluster: str) -> dict[str, Any]:
    return {
        "account": assoc.account,
        "cluster": cluster,
        "id": 0,
        "is_default": assoc.user == "root",
        "max": _limits(book.shown_limits(assoc)),
        "parent_account": assoc.parent,
        "partition": "",
        "qos": book.qos(assoc.account, assoc.user),
        "shares_raw": 1,
        "user": assoc.user,
    }


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        "jobs": {
            "per": {
                "count": number(None, infinite=True),
                "submitted": number(None, infinite=True),
                "wall_clock": number(limits.wall_minutes, infinite=True),
            },
            "active": number(limits.active_jobs, infinite=True),
            "total": number(limits.submit_jobs, infinite=True),
        },
        "tres": {
            "total": tres_list(limits.group_total),
            "group": {"minutes": tres_list(limits.group_minutes), "active": tres_list(limits.group_running)},
            "minutes": {"total": [], "per": {"job": tres_list(limits.job_minutes)}},
            "per": {"job": tres_list(limits.job_total), "node": []},
        },
    }


def share(assoc: Assoc, cluster: str) -> dict[str, Any]:
    usage = {key: assoc.used.get(key, 0.0) for key in ("cpu", "mem", "node", "billing", "gres/gpu")}
    return {
        "id": assoc.id,
        "cluster": cluster,
        "name": assoc.user or assoc.account,
        "parent": assoc.account if assoc.user else assoc.parent,
        "partition": "",
        "tres": {"usage": [{"name": key, "value": value} for key, value in usage.items()]},
        "type": ["USER"] if assoc.user else ["ASSOCIATION"],
    }


def partition(part: Partition) -> dict[str, Any]:
    each = part.config
    totals = {
        "cpu": each.cpus * each.nodes,
        "mem": each.memory_mb * each.nodes,
        "node": each.nodes,
        "billing": each.cpus * each.nodes,
        "gres/gpu": each.gpus_per_node * each.nodes,
        f"gres/gpu:{each.gpu_type}": each.gpus_per_node * each.nodes,
    }
    return {
        "name": each.name,
        "nodes": {"configured": nodes_text([node.name for node in part.nodes]), "total": each.nodes},
        "cpus": {"task_binding": 0, "total": totals["cpu"]},
        "tres": {"billing_weights": "", "configured": tres_text(totals)},
        "maximums": {"time": number(each.max_time_minutes)},
        "partition": {"state": ["UP" if part.up else "DOWN"]},
    }


def nodes(part: Partition) -> list[dict[str, Any]]:
    each, rows = part.config, []
    for node in part.nodes:
        used = each.gpus_per_node - node.gpus
        state = "IDLE" if node.cpus == each.cpus else "MIXED" if node.cpus else "ALLOCATED"
        rows.append(
            {
                "name": node.name,
                "state": [state],
                "partitions": [each.name],
                "cpus": each.cpus,
                "real_memory": each.memory_mb,
                "gres": f"gpu:{each.gpu_type}:{each.gpus_per_node}" if each.gpus_per_node else "",
                "gres_used": f"gpu:{each.gpu_type}:{used}" if each.gpus_per_node else "",
                "alloc_cpus": each.cpus - node.cpus,
            }
        )
    return rows
