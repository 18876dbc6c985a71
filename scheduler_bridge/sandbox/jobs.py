"""Virtual jobs: what was asked for, what became of it. Scripts are read for their run time, never run."""

import re

import msgspec

_DIRECTIVE = re.compile(r"^#SANDBOX\s+(.*)$", re.MULTILINE)
_SLEEP = re.compile(r"^\s*(?:srun\s+(?:-\S+\s+)*)?sleep\s+(\d+(?:\.\d+)?)([smhd]?)\s*(?:#.*)?$", re.MULTILINE)
_EXIT = re.compile(r"^\s*exit\s+(\d+)\s*$", re.MULTILINE)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_INSTANT = frozenset({"cat", "date", "echo", "env", "exit", "hostname", "nvidia-smi", "pwd", "set", "true"})
_ENDED = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY")


class Wish(msgspec.Struct):
    """A submitted job as the journal keeps it; `run_s` is its work in seconds of cluster time."""

    name: str
    user: str
    account: str
    partition: str
    qos: str
    comment: str
    cwd: str
    stdout: str
    stderr: str
    nodes: int
    cpus: int
    memory_mb: int
    gpus: int
    gpu_type: str
    limit_minutes: int
    run_s: float
    exit_code: int
    held: bool


class Run(msgspec.Struct):
    """One run: times in epoch seconds, 0 for not yet."""

    submit: float
    eligible: float
    start: float = 0.0
    end: float = 0.0
    state: str = "PENDING"
    nodes: list[str] = []
    cancelled_by: str = ""


class Job(msgspec.Struct):
    """`earlier` holds the runs that a requeue ended."""

    id: int
    wish: Wish
    run: Run
    tres: dict[str, int]
    reason: str = "None"
    restarts: int = 0
    earlier: list[Run] = []

    @property
    def ended(self) -> bool:
        return self.run.state in _ENDED


def tres_of(wish: Wish) -> dict[str, int]:
    tres = {"cpu": wish.cpus, "mem": wish.memory_mb * wish.nodes, "node": wish.nodes, "billing": wish.cpus}
    if wish.gpus:
        tres["gres/gpu"] = wish.gpus
        tres[f"gres/gpu:{wish.gpu_type}"] = wish.gpus
    return tres


def planned_run(script: str, limit_minutes: int, fraction: float) -> tuple[float, int]:
    """Run time in seconds and exit code: from `#SANDBOX run=SECONDS exit=N`, else from plain `sleep` and
    `exit` lines. A script that does more than that takes a fraction of its time limit."""
    told = dict(word.split("=", 1) for word in _words(script) if "=" in word)
    sleeps = [float(amount) * _UNITS[unit] for amount, unit in _SLEEP.findall(script)]
    exits = _EXIT.findall(script)
    run_s = sum(sleeps) if sleeps or _is_trivial(script) else limit_minutes * 60 * fraction
    try:
        return max(float(told.get("run", run_s)), 0.0), int(told.get("exit", exits[-1] if exits else 0)) & 255
    except ValueError:
        return run_s, 0


def _is_trivial(script: str) -> bool:
    commands = [line.split()[0] for line in script.splitlines() if line.strip() and line.strip()[0] != "#"]
    return all(command in _INSTANT for command in commands)


def _words(script: str) -> list[str]:
    return [word for line in _DIRECTIVE.findall(script) for word in line.split()]
