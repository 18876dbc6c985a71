"""Virtual jobs: what was asked for, what became of it. Scripts are read for their run time, never run."""

import re
from textwrap import dedent

import msgspec

_DIRECTIVE = re.compile(r"^#SANDBOX\s+(.*)$", re.MULTILINE)
_SLEEP = re.compile(r"(?:srun\s+(?:-\S+\s+)*)?sleep\s+(\d+(?:\.\d+)?)([smhd]?)")
_EXIT = re.compile(r"exit\s+(\d+)")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_NO_INTERPRETER = 8
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
    unlaunchable: bool = False
    """22.05 accepts an empty script, fails to launch it, requeues it and holds it."""


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
    `exit` commands up to the first `exit` that nothing makes conditional. A script that does more than that
    takes a fraction of its time limit; one without `#!` is accepted and cannot be executed."""
    if not script.startswith("#!"):
        return 0.0, _NO_INTERPRETER
    told = dict(word.split("=", 1) for word in _words(script) if "=" in word)
    commands, exit_code = _plain_commands(script)
    sleeps = [found for command in commands if (found := _SLEEP.fullmatch(command))]
    trivial = all(command.split()[0] in _INSTANT for command in commands)
    slept = sum(float(found[1]) * _UNITS[found[2]] for found in sleeps)
    run_s = slept if sleeps or trivial else limit_minutes * 60 * fraction
    try:
        return max(float(told.get("run", run_s)), 0.0), int(told.get("exit", exit_code)) & 255
    except ValueError:
        return run_s, 0


def _plain_commands(script: str) -> tuple[list[str], int]:
    """The commands as far as they are run, and the exit code; what is indented is part of something else."""
    commands: list[str] = []
    for line in dedent("\n".join(script.splitlines())).splitlines():
        for command in _COMMENT.sub("", line).rstrip().split(";"):
            found = None if line[:1].isspace() else _EXIT.fullmatch(command.strip())
            if found:
                return commands, int(found[1])
            if command.strip():
                commands.append(command.strip())
    return commands, 0


def _words(script: str) -> list[str]:
    return [word for line in _DIRECTIVE.findall(script) for word in line.split()]
