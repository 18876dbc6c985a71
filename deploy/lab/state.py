"""The lab as others see it: what runs where and how to call it, as lab.py writes it to lab.json.

lab = Lab.load()
ned = lab.cluster("astrolabe-ned")
ned.command("sacct", "--json").stdout
ned.command("sbatch", "--wrap", "sleep 5", user="tqresearcher")
headers = {"X-SLURM-USER-NAME": "tqresearcher", "X-SLURM-USER-TOKEN": ned.token("tqresearcher")}
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self


class LabError(Exception):
    """Something that the person at the keyboard can act on; the text says what."""


class LabDown(LabError):
    """There is no lab in this run directory: start one with `make lab-up`."""


def run_directory() -> Path:
    """Where the lab keeps its state: TAQSEEM_LAB_DIR, or /var/lib/taqseem-lab."""
    return Path(os.environ.get("TAQSEEM_LAB_DIR", "/var/lib/taqseem-lab")).absolute()


@dataclass(frozen=True)
class Process:
    """A process by PID and start time (clock ticks since boot): a reused PID is never mistaken for it."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises ProcessLookupError where there is none."""
        return cls(pid, int(_stat(pid)[19]))

    @property
    def state(self) -> str:
        """ "running", "paused" or "gone"."""
        try:
            fields = _stat(self.pid)
        except ProcessLookupError:
            return "gone"
        if int(fields[19]) != self.started or fields[0] in "ZX":
            return "gone"
        return "paused" if fields[0] in "Tt" else "running"

    @property
    def parent(self) -> "Process":
        """Raises ProcessLookupError when the process or its parent has gone."""
        return Process.of(int(_stat(self.pid)[1]))

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens when the process has gone."""
        if self.state != "gone":
            with suppress(ProcessLookupError):  # it may go in between
                os.kill(self.pid, number)


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from the third field on: state first, start time at index 19."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(pid) from error


@dataclass
class LabMachine:
    """What the clusters of one Slurm release share: a tree, its namespaces, munged and mariadbd."""

    release: str
    tree: str
    init: Process
    daemons: dict[str, Process] = field(default_factory=dict)


@dataclass
class LabCluster:
    """One running cluster. Paths are the host's; `slurm_conf_inside` is the path within the tree."""

    name: str
    release: str
    directory: str
    rest_url: str
    rest_versions: list[str]
    slurm_conf: str
    slurm_conf_inside: str
    jwt_key: str
    bin: str
    partition: str
    gpu: str
    gpus_per_node: int
    nodes: list[str]
    operator: str
    users: list[str]
    homes: str
    rs256_key: str = ""
    """A private key whose public half Slurm has in its JWKS file; empty without one."""
    daemons: dict[str, Process] = field(default_factory=dict)

    def command(
        self,
        name: str,
        *arguments: str,
        user: str = "root",
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the cluster's machine as one of its users, in that user's home.

        Raises CalledProcessError on a non-zero exit unless `check` is false; output is captured.
        """
        return subprocess.run(
            [f"{self.bin}/run-as", user, name, *arguments],
            input=input, check=check, timeout=timeout, capture_output=True, text=True,
            stdin=None if input is not None else subprocess.DEVNULL,
        )  # fmt: skip

    def token(self, user: str, *, lifetime: int = 120) -> str:
        """An HS256 token that lets its bearer act as `user` for `lifetime` seconds."""
        now = int(time.time())
        claims = {"sun": user, "iat": now, "exp": now + lifetime}
        signed = b".".join(
            _base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)
        )
        signature = hmac.digest(Path(self.jwt_key).read_bytes(), signed, hashlib.sha256)
        return (signed + b"." + _base64url(signature)).decode()


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@dataclass
class Lab:
    """Everything that runs in one run directory. `ready` once every daemon answered."""

    directory: str
    ready: bool = False
    machines: dict[str, LabMachine] = field(default_factory=dict)
    clusters: dict[str, LabCluster] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path | None = None) -> Self:
        """The lab of this run directory. Raises LabDown when none is up."""
        path = (directory or run_directory()) / "lab.json"
        try:
            raw = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise LabDown(f"{path} does not exist: start the lab with `make lab-up`") from error
        return cls(
            directory=raw["directory"],
            ready=raw["ready"],
            machines={name: LabMachine(**_with_processes(one)) for name, one in raw["machines"].items()},
            clusters={name: LabCluster(**_with_processes(one)) for name, one in raw["clusters"].items()},
        )

    def cluster(self, name: str) -> LabCluster:
        """Raises LabDown when the lab runs without that cluster."""
        try:
            return self.clusters[name]
        except KeyError as error:
            raise LabDown(f"the lab runs {', '.join(self.clusters) or 'nothing'}, not {name}") from error

    def save(self) -> None:
        """Replace lab.json at once, so that no reader meets half a file."""
        path = Path(self.directory) / "lab.json"
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self), indent=1) + "\n")
        draft.rename(path)


def _with_processes(raw: dict[str, Any]) -> dict[str, Any]:
    known = dict(raw, daemons={name: Process(**one) for name, one in raw["daemons"].items()})
    if "init" in raw:
        known["init"] = Process(**raw["init"])
    return known
