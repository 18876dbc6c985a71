"""FIFO with a light backfill on virtual nodes, under the associations' limits."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from .accounts import Assoc, Book
from .config import PartitionConfig
from .jobs import Job, Wish

_DEPTH = 500
"""Pending jobs looked at in one pass, so that a long queue costs no more than a short one."""


class Node(msgspec.Struct):
    name: str
    cpus: int
    memory_mb: int
    gpus: int


class Partition:
    """A partition's free resources; nodes are its own."""

    def __init__(self, config: PartitionConfig) -> None:
        self.config = config
        self.up = True
        self.pending: dict[int, Job] = {}
        self.nodes = [
            Node(f"{config.name}{number + 1:02d}", config.cpus, config.memory_mb, config.gpus_per_node)
            for number in range(config.nodes)
        ]
        self._by_name = {node.name: node for node in self.nodes}

    def beyond(self, wish: Wish) -> str:
        """The partition's limit that the job exceeds, in Slurm's words; empty when none. 24.11 refuses all
        but the time at once, 22.05 accepts the job and lets it wait for ever."""
        if wish.limit_minutes > self.config.max_time_minutes:
            return "PartitionTimeLimit"
        if wish.nodes > self.config.nodes:
            return "PartitionNodeLimit"
        return "PartitionConfig" if wish.cpus > self.config.nodes * self.config.cpus else ""

    def could_ever_hold(self, job: Job) -> bool:
        wish, each = job.wish, self.config
        return (
            wish.nodes <= each.nodes
            and (not wish.gpus or wish.gpu_type == each.gpu_type)
            and _share(wish.gpus, wish.nodes) <= each.gpus_per_node
            and _share(wish.cpus, wish.nodes) <= each.cpus
            and wish.memory_mb <= each.memory_mb
        )

    def fit(self, job: Job, free: Iterable[Node]) -> list[str]:
        """Names of nodes that could take the job now; empty when there are not enough."""
        wish = job.wish
        cpus, gpus = _share(wish.cpus, wish.nodes), _share(wish.gpus, wish.nodes)
        fitting = (
            node.name
            for node in free
            if node.cpus >= cpus and node.gpus >= gpus and node.memory_mb >= wish.memory_mb
        )
        found = [name for name, _ in zip(fitting, range(wish.nodes), strict=False)]
        return found if len(found) == wish.nodes else []

    def take(self, job: Job, names: list[str]) -> None:
        self._shift(self._by_name, job, names, -1)

    def give_back(self, job: Job, names: list[str]) -> None:
        self._shift(self._by_name, job, names, +1)

    @staticmethod
    def _shift(nodes: dict[str, Node], job: Job, names: list[str], sign: int) -> None:
        wish = job.wish
        for name in names:
            node = nodes[name]
            node.cpus += sign * _share(wish.cpus, wish.nodes)
            node.gpus += sign * _share(wish.gpus, wish.nodes)
            node.memory_mb += sign * wish.memory_mb

    def earliest(self, job: Job, running: list[tuple[float, Job]]) -> float:
        """When the job could start if every running job took its whole time (`running`: limit end, job)."""
        free = {node.name: msgspec.structs.replace(node) for node in self.nodes}
        for end, other in sorted(running, key=lambda pair: pair[0]):
            self._shift(free, other, other.run.nodes, +1)
            if self.fit(job, free.values()):
                return end
        return float("inf")

    def candidates(self) -> list[Job]:
        return [job for job, _ in zip(self.pending.values(), range(_DEPTH), strict=False)]


def _share(count: int, nodes: int) -> int:
    return -(-count // nodes)


type Running = Mapping[tuple[str, str], Mapping[int, Job]]
"""Running jobs by association (account, user), each job under every association that it counts in."""


def limit_reason(job: Job, book: Book, running: Running, now: float, speed: float) -> str:
    """Why a limit keeps the job pending, in Slurm's words; empty when none does."""
    wish = job.wish
    own = (wish.account, wish.user)
    if own not in book.assocs:
        return "InvalidAccount"
    wall = book.effective(*own, "wall_minutes")
    if wall is not None and wish.limit_minutes > wall:
        return "AssocMaxWallDurationPerJobLimit"
    active = book.effective(*own, "active_jobs")
    if active is not None and active <= len(running.get(own, ())):
        return "AssocMaxJobsLimit"
    for assoc in book.chain(*own):
        others = running.get((assoc.account, assoc.user), {}).values()
        reason = _assoc_reason(job, assoc, others, now, speed)
        if reason:
            return reason
    return ""


def _assoc_reason(job: Job, assoc: Assoc, running: Collection[Job], now: float, speed: float) -> str:
    limits, minutes = assoc.limits, job.wish.limit_minutes
    for key, most in limits.job_total.items():
        if job.tres.get(key, 0) > most:
            return f"AssocMax{_kind(key)}PerJob"
    for key, most in limits.job_minutes.items():
        if job.tres.get(key, 0) * minutes > most:
            return f"AssocMax{_kind(key)}MinutesPerJob"
    for key, most in limits.group_total.items():
        if job.tres.get(key, 0) + sum(other.tres.get(key, 0) for other in running) > most:
            return f"AssocGrp{_kind(key)}"
    for key, most in limits.group_running.items():
        if job.tres.get(key, 0) * minutes + _still_to_run(key, running, now, speed) > most:
            return f"AssocGrp{_kind(key)}RunMinutes"
    for key, most in limits.group_minutes.items():
        wanted = job.tres.get(key, 0)
        spent = assoc.used.get(key, 0.0) / 60 + sum(
            other.tres.get(key, 0) * (now - other.run.start) / 60 for other in running
        )
        # Remaining minutes of running jobs count as well, so that the budget holds at the end.
        if wanted and spent + _still_to_run(key, running, now, speed) + wanted * minutes > most:
            return f"AssocGrp{_kind(key)}Minutes"
    return ""


def _still_to_run(key: str, running: Collection[Job], now: float, speed: float) -> float:
    return sum(
        other.tres.get(key, 0) * max(other.wish.limit_minutes - (now - other.run.start) * speed / 60, 0.0)
        for other in running
    )


def _kind(key: str) -> str:
    return {"cpu": "CPU", "mem": "Mem", "node": "Node", "billing": "Billing"}.get(key, "GRES")
