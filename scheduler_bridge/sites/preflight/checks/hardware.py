"""Is what the portal offers really there, and can it be taken in ways that nobody pays for?"""

from collections.abc import Iterable

from datacenters.models import Resource
from scheduler_bridge.sites.preflight.lines import Line
from scheduler_bridge.sites.preflight.probe import Probe
from scheduler_bridge.slurm_rest_client import Node, Refused

RESTING = frozenset({"DOWN", "DRAIN", "DRAINING", "DRAINED", "FAIL", "MAINT", "NOT_RESPONDING", "UNKNOWN"})
ANYBODY = "nobody"


def partitions(probe: Probe) -> Line:
    if not probe.resources:
        return Line("partitions", "no_resource")
    wanted = sorted({resource.partition for resource in probe.resources})
    there = {partition.name: partition.up for partition in probe.partitions}
    if missing := [name for name in wanted if name not in there]:
        return Line("partitions", "missing", {"names": ", ".join(missing)})
    if down := [name for name in wanted if not there[name]]:
        return Line("partitions", "down", {"names": ", ".join(down), "first": down[0]})
    return Line("partitions", "ok", {"names": ", ".join(wanted)})


def gpus(probe: Probe) -> Line:
    """The first resource that isn't as promised; short of that, the first whose nodes rest."""
    nodes = list(probe.client.nodes(probe.token()))
    broken = (_carries(resource, nodes) for resource in probe.resources)
    resting = (_awake(resource, nodes) for resource in probe.resources)
    for line in (*broken, *resting):
        if line is not None:
            return line
    found = (f"{resource.code} {_count(_matching(resource, nodes))}" for resource in probe.resources)
    return Line("gpus", "ok", {"found": ", ".join(found) or "-"})


def _matching(resource: Resource, nodes: Iterable[Node]) -> list[Node]:
    return [
        node
        for node in nodes
        if resource.partition in node.partitions and node.gpu_type == resource.gres_type
    ]


def _count(nodes: Iterable[Node]) -> int:
    return sum(node.gpus for node in nodes)


def _carries(resource: Resource, nodes: list[Node]) -> Line | None:
    fitting = _matching(resource, nodes)
    facts = {"resource": resource.code, "partition": resource.partition, "type": resource.gres_type}
    if (found := _count(fitting)) < resource.gpu_count:
        return Line("gpus", "too_few", facts | {"promised": resource.gpu_count, "found": found})
    largest = max((node.gpus for node in fitting), default=0)
    if largest < resource.gpus_per_node:
        return Line("gpus", "per_node", facts | {"promised": resource.gpus_per_node, "found": largest})
    return None


def _awake(resource: Resource, nodes: list[Node]) -> Line | None:
    awake = _count(node for node in _matching(resource, nodes) if not node.states & RESTING)
    if awake >= resource.gpu_count:
        return None
    facts = {"resource": resource.code, "promised": resource.gpu_count, "found": awake}
    return Line("gpus", "resting", facts)


def cpu_only(probe: Probe) -> Line:
    """A refusal counts only where a job with a GPU is accepted: else it may have any reason."""
    accepted, refused = [], []
    for partition in probe.resource_partitions:
        probe.held(partition)
        try:
            probe.submit(probe.open_account, partition)
        except Refused:
            refused.append(partition)
        else:
            accepted.append(partition)
    if accepted:
        return Line("cpu_only", "accepted", {"partitions": ", ".join(accepted)})
    if refused:
        return Line("cpu_only", "ok", {"partitions": ", ".join(refused)})
    return Line("cpu_only", "no_partition")


def private(probe: Probe) -> Line:
    """Does somebody who has nothing to do with it see the probe's job?"""
    job_id = probe.held(probe.partition)
    others = [login for login in probe.links if login != probe.cluster.operator_login]
    seen = probe.client.list_jobs(probe.token(others[0] if others else ANYBODY))
    return Line("private", "seen" if any(job.job_id == job_id for job in seen) else "ok")
