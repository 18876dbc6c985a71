"""Jobs, runs and associations in v0.0.38's words: plain numbers, one state in one word, null for nothing."""

from typing import Any

from . import render
from .accounts import Assoc, Book
from .jobs import Job, Run
from .render import live_end, node_state, nodes_text, partition_tres, tres_rows, tres_text
from .scheduler import Node, Partition

_SIGTERM = 15
_SUCCESS = {"status": "SUCCESS", "return_code": 0}


def wait_status(run: Run, code: int) -> int:
    """The raw status, as wait(2) gives it: exit 7 is 1792."""
    if run.state == "FAILED":
        return code << 8 if run.start else 1
    return _SIGTERM if run.state == "CANCELLED" and run.start else 0


def live_job(job: Job, cluster: str, speed: float) -> dict[str, Any]:
    """Output paths keep their patterns, and nothing but priority 0 tells of a hold."""
    wish, run = job.wish, job.run
    return {
        "account": wish.account,
        "array_job_id": 0,
        "array_task_id": None,
        "cluster": cluster,
        "comment": wish.comment,
        "current_working_directory": wish.cwd or "/",
        "derived_exit_code": 0,
        "eligible_time": int(run.eligible),
        "end_time": int(live_end(job, speed)),
        "exit_code": wait_status(run, wish.exit_code),
        "flags": ["JOB_CPUS_SET", "JOB_MEM_SET"],
        "job_id": job.id,
        "job_resources": None,
        "job_state": run.state,
        "memory_per_node": wish.memory_mb,
        "name": wish.name,
        "nodes": nodes_text(run.nodes),
        "partition": wish.partition,
        "priority": 0 if wish.held else 1,
        "qos": wish.qos,
        "restart_cnt": job.restarts,
        "standard_error": wish.stderr,
        "standard_output": wish.stdout,
        "start_time": int(run.start or run.end),
        "state_reason": job.reason,
        "submit_time": int(run.submit),
        "time_limit": wish.limit_minutes,
        "tres_alloc_str": tres_text(job.tres) if run.start else "",
        "tres_req_str": tres_text(job.tres),
        "user_name": wish.user,
    }


def run_row(job: Job, run: Run, cluster: str, seen_at: float) -> dict[str, Any]:
    """One slurmdb record as slurmdbd knows it at `seen_at`. Its exit code is wrong whatever the job's was."""
    wish = job.wish
    started, ended = 0 < run.start <= seen_at, 0 < run.end <= seen_at
    start: int | None = int(run.start) if started else 0
    end = int(run.end) if ended else 0
    if ended and not started:
        # Null where slurmdbd knew the job before it ended, its end where it did not.
        start = None if run.eligible and run.state != "FAILED" else end
    elapsed = (end or int(seen_at)) - int(run.start) if started else 0
    allocated = [*tres_rows(job.tres, nameless=None), _ENERGY] if started else []
    return {
        "account": wish.account,
        "array": {"job_id": 0, "task": None, "task_id": None},
        "association": {"account": wish.account, "cluster": cluster, "partition": None, "user": wish.user},
        "cluster": cluster,
        "comment": {"administrator": None, "job": wish.comment or None, "system": None},
        "derived_exit_code": _SUCCESS,
        "exit_code": _SUCCESS,
        "flags": ["CLEAR_SCHEDULING"] if started else [],
        "job_id": job.id,
        "kill_request_user": (run.cancelled_by or None) if ended else None,
        "name": wish.name,
        "nodes": nodes_text(run.nodes) if started else "None assigned",
        "partition": wish.partition,
        "priority": 0 if wish.held else 1,
        "qos": wish.qos,
        "state": {"current": _state(run, started=started, ended=ended), "reason": "None"},
        "steps": [],
        "time": {
            "elapsed": max(elapsed, 0),
            "eligible": int(run.eligible),
            "start": start,
            "end": end,
            "submission": int(run.submit),
            "suspended": 0,
            "limit": wish.limit_minutes,
        },
        "tres": {"allocated": allocated, "requested": tres_rows(job.tres, nameless=None)},
        "user": wish.user,
        "working_directory": wish.cwd or "/",
    }


_ENERGY = {"type": "energy", "name": None, "id": 3, "count": None}


def _state(run: Run, *, started: bool, ended: bool) -> str:
    if ended:
        return run.state
    return "RUNNING" if started else "PENDING"


def association(assoc: Assoc, book: Book, cluster: str) -> dict[str, Any]:
    limits = book.shown_limits(assoc)
    is_default = bool(assoc.user) and book.users.get(assoc.user, {}).get("account") == assoc.account
    return {
        "account": assoc.account,
        "cluster": cluster,
        "default": {"qos": None},
        "flags": ["DEFAULT"] if is_default else [],
        "is_default": int(is_default),
        "max": {
            "jobs": {
                "per": {
                    "count": None,
                    "accruing": None,
                    "submitted": None,
                    "wall_clock": limits.wall_minutes,
                },
                "active": limits.active_jobs,
                "accruing": None,
                "total": limits.submit_jobs,
            },
            "tres": render.tres_limits(limits, nameless=None),
            "per": {"account": {"wall_clock": None}},
        },
        "parent_account": assoc.parent or None,
        "partition": None,
        "priority": None,
        "qos": book.qos(assoc.account, assoc.user),
        "shares_raw": 1,
        "usage": None,
        "user": assoc.user or None,
    }


def partition(part: Partition) -> dict[str, Any]:
    each, totals = part.config, partition_tres(part)
    return {
        "name": each.name,
        "nodes": nodes_text([one.name for one in part.nodes]),
        "total_nodes": each.nodes,
        "total_cpus": totals["cpu"],
        "tres": tres_text(totals),
        "max_time_limit": each.max_time_minutes,
        "default_time_limit": None,
        "maximum_nodes_per_job": -1,
        "state": "UP" if part.up else "DOWN",
    }


def node(part: Partition, one: Node) -> dict[str, Any]:
    return render.node(part, one) | {"state": node_state(part, one).lower(), "state_flags": []}
