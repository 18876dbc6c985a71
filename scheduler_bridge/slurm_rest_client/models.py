"""What the client takes and gives: one set of types for all Slurm versions.

Times are epoch seconds UTC (None: not yet or unknown); limits None: no limit. TRES maps use Slurm's
names as keys (`gres/gpu`, `gres/gpu:h100`, `cpu`); minutes in them are TRES-minutes.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from .errors import Problem

GPU = "gres/gpu"


class JobState(StrEnum):
    """Slurm's base states; everything else that Slurm lists beside them is a flag."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    NODE_FAIL = "NODE_FAIL"
    PREEMPTED = "PREEMPTED"
    BOOT_FAIL = "BOOT_FAIL"
    DEADLINE = "DEADLINE"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    UNKNOWN = "UNKNOWN"

    @property
    def is_terminal(self) -> bool:
        return self not in _OPEN_STATES


_OPEN_STATES = frozenset({JobState.PENDING, JobState.RUNNING, JobState.SUSPENDED, JobState.UNKNOWN})


class Listing[T](msgspec.Struct, frozen=True):
    """A list as the cluster gave it.

    `complete` False (304, an unexplained empty list, an undecodable entry) means: whatever is missing
    here may still exist. `odd` names the entries that could not be read; the others are there.
    """

    items: tuple[T, ...]
    complete: bool = True
    warnings: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()

    @property
    def jobs(self) -> tuple[T, ...]:
        return self.items

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A job to submit. `memory_mb` counts per node (MiB), `gpus` over the whole job."""

    name: str
    account: str
    partition: str
    cwd: str
    script: str
    time_limit_minutes: int
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})
    gpus: int = 0
    gpu_type: str = ""
    nodes: int = 1
    tasks: int = 1
    cpus_per_task: int = 1
    memory_mb: int | None = None
    comment: str = ""
    stdout: str | None = None
    stderr: str | None = None
    qos: str | None = None
    hold: bool = False

    def __repr__(self) -> str:
        # Scripts and environments may hold people's secrets.
        return f"JobSpec(name={self.name!r}, account={self.account!r}, partition={self.partition!r})"


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted submission; `errors` may still say something: 2042 for a held job, 2015 for one that its
    partition's limits keep waiting for ever (22.05)."""

    job_id: int
    warnings: tuple[str, ...] = ()
    errors: tuple[Problem, ...] = ()


class ExitInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended: Slurm's word (SUCCESS, ERROR, SIGNALED …), return code, signal number.

    Empty where Slurm does not know or does not tell the truth: see `Capabilities.truthful_exit_codes`."""

    status: str = ""
    return_code: int | None = None
    signal: int | None = None


class LiveJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as slurmctld sees it now. Slurm's guesses (when a pending job may start, when a running one
    must end) are kept out of `start_time` and `end_time`."""

    job_id: int
    name: str
    user: str
    account: str
    partition: str
    qos: str
    comment: str
    state: JobState
    flags: frozenset[str]
    reason: str
    held: bool
    submit_time: int | None
    eligible_time: int | None
    start_time: int | None
    expected_start_time: int | None
    end_time: int | None
    time_limit_minutes: int | None
    gpus: int
    nodes: str
    cwd: str
    stdout: str
    stderr: str
    exit: ExitInfo
    restarts: int
    array_job_id: int | None
    array_task_id: int | None


class JobStateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the cheap state list; `array_task_id` is set for tasks of arrays."""

    job_id: int
    state: JobState
    flags: frozenset[str]
    array_task_id: int | None = None


class AccountingRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job as slurmdbd recorded it; key: (cluster, job_id, submit_time).

    `gpus` counts the untyped `gres/gpu` alone, so typed and untyped are never added up.
    """

    cluster: str
    job_id: int
    submit_time: int
    eligible_time: int | None
    start_time: int | None
    end_time: int | None
    elapsed_s: int
    time_limit_minutes: int | None
    state: JobState
    flags: frozenset[str]
    reason: str
    gpus: int
    gpus_requested: int
    name: str
    user: str
    account: str
    partition: str
    qos: str
    comment: str
    nodes: str
    exit: ExitInfo
    restarts: int
    array_job_id: int | None
    array_task_id: int | None

    @property
    def gpu_seconds(self) -> int:
        return self.gpus * self.elapsed_s

    @property
    def is_final(self) -> bool:
        """Ended, by completion or by a requeue: this row changes no more."""
        return self.end_time is not None and (self.state.is_terminal or "REQUEUED" in self.flags)


class AssociationLimits(msgspec.Struct, frozen=True, kw_only=True):
    """All limits of one association that the portal knows. Every write sends all of them: None lifts.

    As read from Slurm, the limits per user and per job include what the parents impose.
    """

    group_tres_minutes: Mapping[str, int] = msgspec.field(default_factory=dict)
    """GrpTRESMins: the budget."""
    group_tres_running_minutes: Mapping[str, int] = msgspec.field(default_factory=dict)
    """GrpTRESRunMins: minutes still to run of all running jobs."""
    group_tres: Mapping[str, int] = msgspec.field(default_factory=dict)
    """GrpTRES: in use at one moment."""
    tres_minutes_per_job: Mapping[str, int] = msgspec.field(default_factory=dict)
    tres_per_job: Mapping[str, int] = msgspec.field(default_factory=dict)
    tres_per_node: Mapping[str, int] = msgspec.field(default_factory=dict)
    tres_running_minutes: Mapping[str, int] = msgspec.field(default_factory=dict)
    """MaxTRESRunMins: as GrpTRESRunMins, but for each user's association alone."""
    wall_minutes_per_job: int | None = None
    max_active_jobs: int | None = None
    """MaxJobs: 0 keeps pending jobs from starting."""
    max_submit_jobs: int | None = None
    """MaxSubmitJobs: 0 refuses every submission with 2050."""

    @property
    def gpu_minutes(self) -> int | None:
        return self.group_tres_minutes.get(GPU)

    def under(self, parent: "AssociationLimits") -> "AssociationLimits":
        """These limits as Slurm shows them below `parent`: what is not set here is inherited from there.

        Group limits are not inherited: they hold for the parent as a whole.
        """
        return msgspec.structs.replace(
            self,
            tres_minutes_per_job={**parent.tres_minutes_per_job, **self.tres_minutes_per_job},
            tres_per_job={**parent.tres_per_job, **self.tres_per_job},
            tres_per_node={**parent.tres_per_node, **self.tres_per_node},
            tres_running_minutes={**parent.tres_running_minutes, **self.tres_running_minutes},
            wall_minutes_per_job=_or(self.wall_minutes_per_job, parent.wall_minutes_per_job),
            max_active_jobs=_or(self.max_active_jobs, parent.max_active_jobs),
            max_submit_jobs=_or(self.max_submit_jobs, parent.max_submit_jobs),
        )


def _or(own: int | None, inherited: int | None) -> int | None:
    return inherited if own is None else own


class Association(msgspec.Struct, frozen=True, kw_only=True):
    """An association; `user` is empty at account level."""

    cluster: str
    account: str
    user: str = ""
    partition: str = ""
    parent: str = ""
    is_default: bool = False
    qos: tuple[str, ...] = ()
    limits: AssociationLimits = msgspec.field(default_factory=AssociationLimits)


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """`up` is what slurmrestd says; a bad token looks like a dead controller here.

    `cluster` is empty where the version does not tell it (v0.0.38)."""

    up: bool
    release: str
    cluster: str


class Diag(msgspec.Struct, frozen=True, kw_only=True):
    """slurmctld's own clock, how much it has yet to tell slurmdbd, and its own counts of jobs (None: untold),
    which may be half a minute old."""

    server_time: int
    dbd_agent_queue_size: int
    jobs_pending: int | None = None
    jobs_running: int | None = None


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster's slurmrestd speaks, best version first."""

    versions: tuple[str, ...]
    release: str
    cluster: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str = ""
    organization: str = ""


class User(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    admin_level: str = "None"
    default_account: str = ""


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster that slurmdbd knows; `controller_host` is empty while its slurmctld is not registered."""

    name: str
    controller_host: str = ""


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    up: bool
    nodes: str
    node_count: int
    cpus: int
    tres: Mapping[str, int]
    max_time_minutes: int | None


class Node(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    states: frozenset[str]
    partitions: tuple[str, ...]
    cpus: int
    memory_mb: int
    gres: str
    gpus: int
    gpu_type: str


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Usage of one association against its limits, in TRES-seconds."""

    name: str
    parent: str
    is_user: bool
    usage_seconds: Mapping[str, int]
