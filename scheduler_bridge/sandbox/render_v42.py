"""Jobs, runs and associations in v0.0.42's words: the fields that a client may need, spelt as Slurm does."""

from typing import Any

from . import render
from .accounts import Assoc, Book, Limits
from .jobs import Job, Run
from .render import live_end, node_state, nodes_text, partition_tres, tres_rows, tres_text
from .scheduler import Node, Partition

_NO_TIME = 4294967294
"""Slurm's "no value" where a run never started."""


def number(value: float | None, *, infinite: bool = False) -> dict[str, Any]:
    return {"set": value is not None, "infinite": value is None and infinite, "number": int(value or 0)}


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


def path(pattern: str, job: Job) -> str:
    """An output path with its patterns filled in."""
    values = {"%j": str(job.id), "%A": str(job.id), "%x": job.wish.name, "%u": job.wish.user}
    filled = pattern or f"{job.wish.cwd}/slurm-%j.out"
    for sign, value in values.items():
        filled = filled.replace(sign, value)
    return filled


def live_job(job: Job, cluster: str, speed: float) -> dict[str, Any]:
    wish, run = job.wish, job.run
    stdout = path(wish.stdout, job)
    return {
        "account": wish.account,
        "array_job_id": number(0),
        "array_task_id": number(None),
        "cluster": cluster,
        "comment": wish.comment,
        "current_working_directory": wish.cwd,
        "eligible_time": number(run.eligible),
        "end_time": number(live_end(job, speed)),
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
        "standard_error": path(wish.stderr, job) if wish.stderr else stdout,
        "standard_output": stdout,
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
            "allocated": tres_rows(job.tres, nameless="") if started else [],
            "requested": tres_rows(job.tres, nameless=""),
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
        "tres": render.tres_limits(limits, nameless=""),
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
    each, totals = part.config, partition_tres(part)
    return {
        "name": each.name,
        "nodes": {"configured": nodes_text([one.name for one in part.nodes]), "total": each.nodes},
        "cpus": {"task_binding": 0, "total": totals["cpu"]},
        "tres": {"billing_weights": "", "configured": tres_text(totals)},
        "maximums": {"time": number(each.max_time_minutes)},
        "partition": {"state": ["UP" if part.up else "DOWN"]},
    }


def node(part: Partition, one: Node) -> dict[str, Any]:
    return render.node(part, one) | {"state": [node_state(part, one)]}
