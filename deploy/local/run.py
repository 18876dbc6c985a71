"""`make run`: the whole portal on this machine, from the database to the web server, until told to stop.

    PORT=8001 HOST=0.0.0.0 SLURM=lab make run

State stays in `.run`. Everything runs as whoever called this, but for the database and the queue, which
refuse root and then run as another user: running the portal itself as root is for trying out only.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from deploy.local import processes
from deploy.local.places import LocalStateError, make_directory, state_dir, write_private
from deploy.local.portal import Portal, address_of
from deploy.local.running import ENVIRONMENT
from deploy.local.services import EmbeddedPostgres, EmbeddedValkey
from deploy.local.supervisor import PartFailed, Program, StopRequested, Supervisor, end_leftovers

READY_SECONDS = 90
DEMO_ACCOUNTS = (
    "researcher",
    "startup",
    "agency",
    "reviewer",
    "site",
    "council",
    "admin",
    "verifier",
    "operator",
    "teacher",
    "student",
    "outsider",
)
# What /readyz calls a part, and the log that tells more of it.
LOG_OF = {"database": "postgres", "queue": "valkey"}


class CannotRun(Exception):
    """The run can't begin; the text says what to do."""


class Run:
    """One run of the portal in this checkout."""

    def __init__(self, *, host: str, port: int, slurm: str) -> None:
        self.host, self.port, self.slurm = host, port, slurm
        self.address = address_of(host, port)
        self.began = time.monotonic()
        self.state = state_dir()
        self.logs = make_directory(self.state / "logs", mode=0o700)
        self.asked_to_stop = 0
        self._make = _Make.above_us()
        self.supervisor = Supervisor(self.state / "processes.json", self.should_stop, say)

    def go(self) -> int:
        """Run until told to stop; the exit code."""
        self._listen_to_signals()
        with only_run(self.state, self.address):
            if count := end_leftovers(self.supervisor.record):
                say(f"Ended {count} processes that a killed run had left behind.")
            check_port(self.host, self.port)
            try:
                self._start()
                while True:
                    self.supervisor.watch()
                    time.sleep(0.2)
            except StopRequested:
                say("\nStopping …")
                return 0
            finally:
                self._stop()
                say("Stopped. Everything is kept in .run for the next start.")

    def should_stop(self) -> bool:
        return bool(self.asked_to_stop) or (self._make is not None and self._make.wants_to_end())

    def _start(self) -> None:
        rotate(self.logs)
        if os.geteuid() == 0:
            say("Running as root, which is for trying out only: otherwise use a user of your own.")
        say("Starting PostgreSQL and Valkey …")
        postgres = EmbeddedPostgres(self.state / "postgres", log=self.logs / "postgres.log")
        valkey = EmbeddedValkey(self.state / "valkey", log=self.logs / "valkey.log")
        self.supervisor.start(postgres)
        self.supervisor.start(valkey)
        portal = Portal(self.state, self.logs, postgres, valkey, host=self.host, port=self.port)
        if self.slurm == "lab":
            self._start_lab(portal)
        say("Starting the sandbox sites …")
        sandbox = portal.sandbox()
        self.supervisor.start(sandbox)
        self._wait_for_file(portal.sandbox_state, part=sandbox)
        say("Bringing the database up to date …")
        self.supervisor.run_once(portal.preparation())
        write_private(self.state / ENVIRONMENT, json.dumps(portal.environment()))
        say("Starting the web server and the workers …")
        for program in portal.programs():
            self.supervisor.start(program)
        self._wait_until_ready()
        self._welcome()

    def _start_lab(self, portal: Portal) -> None:
        """Bring the lab up; what is up already belongs to somebody else and stays up at the end."""
        say("Starting the Slurm clusters of the lab: some minutes the first time …")
        if not self._lab_is_ours():
            with contextlib.suppress(PartFailed):
                self.supervisor.run_once(portal.lab("status"))
                return
            self._lab_mark.touch()
        self.supervisor.run_once(portal.lab("up"))

    @property
    def _lab_mark(self) -> Path:
        return self.state / "started-lab"

    def _lab_is_ours(self) -> bool:
        return self._lab_mark.exists()

    def _wait_for_file(self, file: Path, *, part: Program) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not file.exists():
            self.supervisor.watch()
            if time.monotonic() > deadline:
                raise PartFailed(
                    f"{part.name} is not ready. The end of {part.log}:\n{processes.last_lines(part.log)}"
                )
            time.sleep(0.05)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        parts = readiness(self.address)
        while parts.get("status") != "ready":
            self.supervisor.watch()
            if time.monotonic() > deadline:
                raise PartFailed(self._what_is_missing(parts))
            time.sleep(0.5)
            parts = readiness(self.address)

    def _what_is_missing(self, parts: dict[str, Any]) -> str:
        missing = [name for name, part in parts.items() if isinstance(part, dict) and part.get("ok") is False]
        lines = [
            f"Not ready after {READY_SECONDS} s: {', '.join(missing) or 'the web server does not answer'}."
        ]
        for name in missing or ["web"]:
            log = self.logs / f"{LOG_OF.get(name, name)}.log"
            lines += [
                f"{name}: {parts.get(name, {}).get('detail', '')}",
                f"The end of {log}:",
                processes.last_lines(log),
            ]
        return "\n".join(lines)

    def _welcome(self) -> None:
        say(f"\nTaqseem is ready at {self.address}/  ({time.monotonic() - self.began:.1f} s)\n")
        say("Sign in with the password taqseem-demo as one of")
        for name in DEMO_ACCOUNTS:
            say(f"    {name}@demo.taqseem.test")
        say("\nLogs are in .run/logs, mail in .run/mail. Ctrl-C stops everything.")

    def _stop(self) -> None:
        self.supervisor.stop()
        (self.state / ENVIRONMENT).unlink(missing_ok=True)
        if self._lab_is_ours():
            Portal.stop_lab(self.logs)
            self._lab_mark.unlink()

    def _listen_to_signals(self) -> None:
        """SIGINT even where a background shell had it ignored; SIGHUP unless nohup asked for that."""

        def note(number: int, _: FrameType | None) -> None:
            self.asked_to_stop = number

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, note)


class _Make:
    """The make that called us: told to end, it waits for us without telling us, unless by SIGTERM."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._handled = self._handled_signals()

    @classmethod
    def above_us(cls) -> "_Make | None":
        above = os.getppid()
        is_make = "MAKELEVEL" in os.environ and Path(processes.command_of(above).split(" ")[0]).name in {
            "make",
            "gmake",
        }
        return cls(above) if is_make else None

    def wants_to_end(self) -> bool:
        """It has died, or has had a signal: then it drops its handler for that signal and waits for us."""
        return os.getppid() != self._pid or bool(self._handled & ~self._handled_signals())

    def _handled_signals(self) -> int:
        """A bit each for SIGINT and SIGHUP, where /proc tells."""
        try:
            status = Path(f"/proc/{self._pid}/status").read_text()
        except OSError:
            return 0
        caught = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt"))
        return caught & (1 << signal.SIGINT - 1 | 1 << signal.SIGHUP - 1)


@contextlib.contextmanager
def only_run(state: Path, address: str = "no address") -> Iterator[None]:
    """Hold the lock of this checkout's state. Raises CannotRun when another run does."""
    with (state / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            message = f"This checkout is running already: {lock.read()}. Stop that one first."
            raise CannotRun(message) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {address}")
        lock.flush()
        yield


def check_port(host: str, port: int) -> None:
    """Raises CannotRun when something else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotRun(
                f"Port {port} on {host} can't be used ({error.strerror}). "
                f"Choose another: make run PORT={port + 1}"
            ) from error


def readiness(address: str) -> dict[str, Any]:
    """What /readyz says; empty while nothing answers."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError):
            found = json.load(error)
            return found
        return {}
    except (OSError, ValueError):
        return {}
    return found


def rotate(logs: Path) -> None:
    """Keep the logs of the last run, apart."""
    for log in logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def say(text: str) -> None:
    """Tell whoever watches. The terminal may have gone: then nobody does."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def main() -> int:
    slurm = os.environ.get("SLURM", "")
    port = os.environ.get("PORT") or "8000"
    try:
        if slurm not in {"", "lab"}:
            raise CannotRun(
                f"SLURM={slurm} is unknown: leave it out, or say SLURM=lab for real Slurm clusters."
            )
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CannotRun(f"PORT={port} is no port number: choose one from 1024 to 65535.")
        return Run(host=os.environ.get("HOST") or "127.0.0.1", port=int(port), slurm=slurm).go()
    except (CannotRun, LocalStateError, PartFailed) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
