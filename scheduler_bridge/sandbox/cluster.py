"""One virtual cluster: slurmctld and slurmdbd in one object, without any thread of its own.

Time passes when somebody asks (`run_until`); every change is an event that goes to the journal first and
is then applied, so a restart that replays the journal arrives at the same state.
"""

import heapq
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

import msgspec

from .accounts import Book
from .config import ClusterConfig, SandboxConfig
from .jobs import Job, Run, Wish, tres_of
from .journal import Event, Journal
from .scheduler import Partition, limit_reason

_PASS_INTERVAL_S = 0.1
_REQUEUE_DELAY_S = 120.0
"""A requeued job waits two minutes before it may start again."""


class VirtualCluster:
    """`advance` moves the cluster's clock ahead of the wall clock; tokens follow unless told otherwise."""

    def __init__(self, config: ClusterConfig, settings: SandboxConfig, journal: Journal) -> None:
        self.config = config
        self.settings = settings
        self.journal = journal
        self.book = Book(config.admins)
        self.partitions = {part.name: Partition(part) for part in config.partitions}
        self.jobs: dict[int, Job] = {}
        self.by_name: dict[str, list[Job]] = defaultdict(list)
        self.live: dict[int, Job] = {}
        self._running: dict[tuple[str, str], dict[int, Job]] = defaultdict(dict)
        self._ends: list[tuple[float, int, Job, Run]] = []
        self._leaving: deque[tuple[float, int, Run]] = deque()
        self._next_id = 1
        self._ahead = 0.0
        self._tokens_ahead = 0.0
        self.changed_at = 0.0
        """When a job last changed."""
        self._dirty = False
        self._last_pass = 0.0
        self._tie = itertools.count()
        for event in journal.replay():
            self._apply(event)

    # --- time ---

    @property
    def now(self) -> float:
        return time.time() + self._ahead

    @property
    def token_now(self) -> float:
        return time.time() + self._tokens_ahead

    def run_until(self, moment: float) -> None:
        """Lets everything happen that is due by `moment`, in order."""
        while True:
            ends = self._ends[0][0] if self._ends else float("inf")
            passes = self._last_pass + _PASS_INTERVAL_S if self._dirty else float("inf")
            if min(ends, passes) > moment:
                break
            if ends <= passes:
                end, _, job, run = heapq.heappop(self._ends)
                if job.run is run and run.state == "RUNNING":
                    self._finish(job, end)
                elif run.state == "PENDING":
                    self._touch(end)
            else:
                self._schedule(max(passes, self._last_pass))
        while self._leaving and self._leaving[0][0] + self.settings.min_job_age_s < moment:
            _, job_id, run = self._leaving.popleft()
            left = self.live.get(job_id)
            if left is not None and left.run is run:
                del self.live[job_id]

    def settle(self) -> float:
        """Brings the cluster up to now and returns it."""
        now = self.now
        self.run_until(now)
        return now

    # --- events ---

    def record(self, kind: str, **facts: Any) -> Any:
        """Journals one event as of now, applies it and returns what applying it returned."""
        event: Event = {"kind": kind, "t": self.settle(), **facts}
        if kind in ("submit", "reject"):
            event["job_id"] = self._next_id
        self.journal.append(event)
        return self._apply(event)

    def _apply(self, event: Event) -> Any:
        moment = event["t"]
        self.run_until(moment)
        facts = {name: value for name, value in event.items() if name not in ("kind", "t")}
        outcome = getattr(self, f"_on_{event['kind']}")(moment, **facts)
        self.changed_at = moment
        # A change may let a waiting job start: look at once.
        self._touch(moment)
        self.run_until(moment)
        return outcome

    def _touch(self, moment: float) -> None:
        if not self._dirty:
            self._dirty = True
            self._last_pass = max(self._last_pass, moment - _PASS_INTERVAL_S)

    def _on_submit(self, moment: float, job_id: int, wish: dict[str, Any], **_: Any) -> Job:
        made = msgspec.convert(wish, Wish)
        run = Run(submit=moment, eligible=0.0 if made.held else moment)
        job = Job(id=job_id, wish=made, run=run, tres=tres_of(made))
        job.reason = "JobHeldUser" if made.held else "None"
        self._next_id = job_id + 1
        self.jobs[job_id] = self.live[job_id] = job
        self.by_name[made.name].append(job)
        self.partitions[made.partition].pending[job_id] = job
        return job

    def _on_reject(self, moment: float, job_id: int, wish: dict[str, Any]) -> None:
        """A job that no node can ever hold is refused, and yet leaves a FAILED record with an id."""
        job = self._on_submit(moment, job_id, wish)
        self._end(job, moment, "FAILED")
        job.reason = "BadConstraints"

    def _on_cancel(self, moment: float, job_id: int, user: str) -> None:
        self._end(self.jobs[job_id], moment, "CANCELLED", user)

    def _on_requeue(self, moment: float, job_id: int) -> None:
        job = self.jobs[job_id]
        self._end(job, moment, "REQUEUED")
        job.earlier = [*job.earlier, job.run]
        job.run = Run(submit=moment, eligible=moment + _REQUEUE_DELAY_S)
        job.restarts += 1
        heapq.heappush(self._ends, (job.run.eligible, next(self._tie), job, job.run))
        self.live[job_id] = job
        self.partitions[job.wish.partition].pending[job_id] = job

    def _on_update(
        self, moment: float, job_id: int, hold: bool | None = None, account: str | None = None,
        name: str | None = None,
    ) -> None:  # fmt: skip
        job = self.jobs[job_id]
        if hold is not None:
            job.wish.held = hold
            job.reason = "JobHeldUser" if hold else "None"
            job.run.eligible = 0.0 if hold else moment
        job.wish.account = account or job.wish.account
        if name:
            self.by_name[job.wish.name].remove(job)
            job.wish.name = name
            self.by_name[name].append(job)

    def _on_forget(self, moment: float, job_id: int) -> None:
        """slurmctld was killed right after its answer: the job is gone, its id will be given again."""
        job = self.jobs.pop(job_id)
        self._release(job)
        self.live.pop(job_id, None)
        self.by_name[job.wish.name].remove(job)
        self._next_id = min(self._next_id, job_id)

    def _on_partition(self, moment: float, name: str, up: bool) -> None:
        self.partitions[name].up = up

    def _on_advance(self, moment: float, seconds: float, tokens: bool = True) -> None:
        self._ahead += seconds
        self._tokens_ahead += seconds if tokens else 0.0

    def _on_account(self, moment: float, **facts: Any) -> None:
        self.book.write_account(**facts)

    def _on_user(self, moment: float, **facts: Any) -> None:
        self.book.write_user(**facts)

    def _on_assoc(self, moment: float, **facts: Any) -> bool:
        return self.book.write_assoc(**facts)

    def _on_remove(self, moment: float, account: str, user: str) -> list[str]:
        return self.book.remove_assocs(account, user)

    def _on_remove_account(self, moment: float, name: str) -> None:
        self.book.accounts.pop(name, None)
        self.book.remove_assocs(name, "")

    # --- scheduling ---

    def _schedule(self, moment: float) -> None:
        self._dirty = False
        self._last_pass = moment
        for partition in self.partitions.values():
            shadow: float | None = None
            for job in partition.candidates():
                shadow = self._consider(job, partition, shadow, moment)

    def _consider(self, job: Job, partition: Partition, shadow: float | None, moment: float) -> float | None:
        """Starts the job or says why not; returns when the first blocked job is to start."""
        job.reason = self._blocked(job, partition, moment)
        if job.reason:
            return shadow
        speed = self.settings.speed
        names = partition.fit(job, partition.nodes)
        if names and (shadow is None or moment + job.wish.limit_minutes * 60 / speed <= shadow):
            self._start(job, partition, names, moment)
            return shadow
        job.reason = "Resources" if shadow is None else "Priority"
        if shadow is None:
            running = [other for jobs in self._running.values() for other in jobs.values()]
            mine = {other.id: other for other in running if other.wish.partition == partition.config.name}
            ends = [(o.run.start + o.wish.limit_minutes * 60 / speed, o) for o in mine.values()]
            shadow = partition.earliest(job, ends)
        return shadow

    def _blocked(self, job: Job, partition: Partition, moment: float) -> str:
        if job.wish.held:
            return "JobHeldUser"
        if job.run.eligible > moment:
            return "BeginTime"
        if not partition.up:
            return "PartitionDown"
        if beyond := partition.beyond(job.wish):
            return beyond
        return limit_reason(job, self.book, self._running, moment, self.settings.speed)

    def _start(self, job: Job, partition: Partition, names: list[str], moment: float) -> None:
        partition.take(job, names)
        del partition.pending[job.id]
        run = job.run
        run.state, run.start, run.nodes = "RUNNING", moment, names
        self.changed_at = moment
        job.reason = "None"
        for assoc in self.book.chain(job.wish.account, job.wish.user):
            self._running[assoc.account, assoc.user][job.id] = job
        lasts = min(job.wish.run_s, job.wish.limit_minutes * 60) / self.settings.speed
        heapq.heappush(self._ends, (moment + lasts, next(self._tie), job, run))

    def _finish(self, job: Job, end: float) -> None:
        wish = job.wish
        if wish.unlaunchable:
            self._on_requeue(end, job.id)
            wish.held, job.reason = True, "JobHeldUser"
            return
        if wish.run_s > wish.limit_minutes * 60:
            state = "TIMEOUT"
        else:
            state = "FAILED" if wish.exit_code else "COMPLETED"
        self._end(job, end, state)

    def _end(self, job: Job, moment: float, state: str, by: str = "") -> None:
        run = job.run
        self._release(job)
        if run.start:
            # Whole seconds, as Slurm counts them.
            self.book.charge(job.wish.account, job.wish.user, job.tres, int(moment) - int(run.start))
        run.state, run.end, run.cancelled_by = state, moment, by
        self.changed_at = moment
        job.reason = {"TIMEOUT": "TimeLimit", "FAILED": "NonZeroExitCode"}.get(state, "None")
        self._leaving.append((moment, job.id, run))
        self._touch(moment)

    def _release(self, job: Job) -> None:
        partition = self.partitions[job.wish.partition]
        partition.pending.pop(job.id, None)
        if job.run.state == "RUNNING":
            partition.give_back(job, job.run.nodes)
            for jobs in self._running.values():
                jobs.pop(job.id, None)

    # --- questions ---

    def named(self, names: Iterable[str]) -> list[Job]:
        return [job for name in names for job in self.by_name.get(name, ())]

    def is_limited(self, job: Job) -> bool:
        """Whether a limit of its associations keeps the job from starting now."""
        return bool(limit_reason(job, self.book, self._running, self.now, self.settings.speed))

    def has_running_jobs(self, account: str, user: str = "") -> bool:
        """Of the whole account when no user is named."""
        return bool(self._running.get((account, user)))

    def statistics(self) -> dict[str, int]:
        """The numbers of `/diag`."""
        return {
            "dbd_agent_queue_size": 0,
            "agent_queue_size": 0,
            "jobs_pending": sum(len(part.pending) for part in self.partitions.values()),
            "jobs_running": sum(1 for job in self.live.values() if job.run.state == "RUNNING"),
        }
