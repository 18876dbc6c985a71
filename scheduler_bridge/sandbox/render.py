"""What both REST versions show alike: TRES as text and as rows, the hardware."""

from typing import Any

from .accounts import Limits
from .cluster import VirtualCluster
from .jobs import Job
from .scheduler import Node, Partition

_TRES_IDS = {"cpu": 1, "mem": 2, "energy": 3, "node": 4, "billing": 5, "gres/gpu": 1001}
_TYPED_GPU_ID = 1002


def tres_text(tres: dict[str, int]) -> str:
    return ",".join(f"{key}={count}{'M' if key == 'mem' else ''}" for key, count in tres.items())


def tres_rows(tres: dict[str, int], *, nameless: str | None) -> list[dict[str, Any]]:
    """`nameless` is what stands for the name of a TRES that has none."""
    rows = []
    for key, count in tres.items():
        kind, _, name = key.partition("/")
        tres_id = _TRES_IDS.get(key, _TYPED_GPU_ID)
        rows.append({"type": kind, "name": name or nameless, "id": tres_id, "count": count})
    return rows


def tres_limits(limits: Limits, *, nameless: str | None) -> dict[str, Any]:
    """TRES limits as an association shows them."""

    def rows(tres: dict[str, int]) -> list[dict[str, Any]]:
        return tres_rows(tres, nameless=nameless)

    return {
        "total": rows(limits.group_total),
        "group": {"minutes": rows(limits.group_minutes), "active": rows(limits.group_running)},
        "minutes": {"total": rows(limits.own_running), "per": {"job": rows(limits.job_minutes)}},
        "per": {"job": rows(limits.job_total), "node": rows(limits.node_total)},
    }


def tracked(cluster: VirtualCluster) -> dict[str, int]:
    """The TRES that the cluster's accounting counts, each with count 0 as slurmdbd shows them."""
    models = [f"gres/gpu:{part.config.gpu_type}" for part in cluster.partitions.values()]
    return dict.fromkeys([*_TRES_IDS, *models], 0)


def nodes_text(names: list[str]) -> str:
    return ",".join(names)


def partition_tres(part: Partition) -> dict[str, int]:
    each = part.config
    gpus = each.gpus_per_node * each.nodes
    return {
        "cpu": each.cpus * each.nodes,
        "mem": each.memory_mb * each.nodes,
        "node": each.nodes,
        "billing": each.cpus * each.nodes,
        "gres/gpu": gpus,
        f"gres/gpu:{each.gpu_type}": gpus,
    }


def node(part: Partition, one: Node) -> dict[str, Any]:
    """A node without its state."""
    each = part.config
    gpu = f"gpu:{each.gpu_type}:"
    return {
        "name": one.name,
        "partitions": [each.name],
        "cpus": each.cpus,
        "real_memory": each.memory_mb,
        "gres": f"{gpu}{each.gpus_per_node}" if each.gpus_per_node else "",
        "gres_used": f"{gpu}{each.gpus_per_node - one.gpus}" if each.gpus_per_node else "",
        "alloc_cpus": each.cpus - one.cpus,
    }


def node_state(part: Partition, one: Node) -> str:
    if one.cpus == part.config.cpus:
        return "IDLE"
    return "MIXED" if one.cpus else "ALLOCATED"


def live_end(job: Job, speed: float) -> float:
    """While a job runs, Slurm shows the moment at which its time limit strikes."""
    run = job.run
    return run.end or (run.start + job.wish.limit_minutes * 60 / speed if run.start else 0)
