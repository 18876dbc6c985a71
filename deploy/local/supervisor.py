"""Starts parts in order, restarts those that die, and stops all of them in reverse."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deploy.local import processes
from deploy.local.places import CHECKOUT

STOP_SECONDS = 6
# A part that dies this often, each time soon after its start, is not going to stay.
MOST_QUICK_DEATHS = 4
SOON_SECONDS = 30
LONGEST_BACKOFF_SECONDS = 15


class PartFailed(Exception):
    """A part of the run can't be kept going; the text names it and shows the end of its log."""


class StopRequested(Exception):
    """Somebody asked the run to end."""


class Part(Protocol):
    """Something that the supervisor keeps running: an embedded service or a Program."""

    @property
    def name(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def process(self) -> subprocess.Popen[bytes] | None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass
class Program:
    """A command of the portal, with its own log."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = processes.spawn(self.command, log=self.log, env=self.env, cwd=CHECKOUT)

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, steps=[(signal.SIGTERM, STOP_SECONDS)])
            self.process = None


@dataclass
class _Kept:
    """A part and its recent history."""

    part: Part
    started: float
    quick_deaths: int = 0
    restart_at: float | None = None


@dataclass
class Supervisor:
    """Keeps parts running until `should_stop` says otherwise. Use it from the main thread.

    `record` is where the running processes are listed, for the next start to end what a killed run left.
    """

    record: Path
    should_stop: Callable[[], bool]
    say: Callable[[str], None]
    _kept: list[_Kept] = field(default_factory=list)

    def start(self, part: Part) -> None:
        """Start a part and keep it running from now on."""
        kept = _Kept(part, time.monotonic())
        self._kept.append(kept)
        part.start()
        self._write_record()

    def run_once(self, program: Program) -> None:
        """Run a program to its end. Raises PartFailed when it fails, StopRequested when the run is to end."""
        program.start()
        try:
            while program.process is not None and program.process.poll() is None:
                self.watch()
                time.sleep(0.05)
            if program.process is not None and program.process.returncode:
                raise PartFailed(_obituary(program, "failed"))
        finally:
            program.stop()

    def watch(self) -> None:
        """Restart what has died.

        Raises PartFailed for a part that keeps dying, StopRequested when asked to end.
        """
        if self.should_stop():
            raise StopRequested
        for kept in self._kept:
            if kept.restart_at is not None:
                if time.monotonic() >= kept.restart_at:
                    kept.restart_at, kept.started = None, time.monotonic()
                    kept.part.start()
                    self._write_record()
            elif kept.part.process is not None and kept.part.process.poll() is not None:
                self._bury(kept)

    def stop(self) -> None:
        """Stop every part, the last started first."""
        while self._kept:
            with contextlib.suppress(
                Exception
            ):  # one that can't be stopped keeps no other from being stopped
                self._kept.pop().part.stop()
        self.record.unlink(missing_ok=True)

    def _bury(self, kept: _Kept) -> None:
        code = kept.part.process.returncode if kept.part.process else 0
        kept.part.stop()  # what it left of itself
        soon = time.monotonic() - kept.started < SOON_SECONDS
        kept.quick_deaths = kept.quick_deaths + 1 if soon else 1
        if kept.quick_deaths >= MOST_QUICK_DEATHS:
            raise PartFailed(_obituary(kept.part, f"died {kept.quick_deaths} times in a row"))
        wait = min(2.0 ** (kept.quick_deaths - 1), LONGEST_BACKOFF_SECONDS)
        kept.restart_at = time.monotonic() + wait
        self.say(
            f"{kept.part.name} ended ({_reason(code)}, see {kept.part.log}). Starting again in {wait:.0f} s."
        )

    def _write_record(self) -> None:
        pids = [kept.part.process.pid for kept in self._kept if kept.part.process is not None]
        self.record.write_text(json.dumps({pid: processes.started(pid) for pid in pids}))


def end_leftovers(record: Path) -> int:
    """End what a killed run left behind: the process groups of its record. Returns how many there were.

    A number that has passed to somebody else's process is left alone.
    """
    try:
        recorded: dict[str, str] = json.loads(record.read_text())
    except (OSError, ValueError):
        return 0
    ours = [int(pid) for pid, started in recorded.items() if processes.started(int(pid)) in {started, ""}]
    ended = sum(_end_group(pid) for pid in reversed(ours))
    record.unlink()
    return ended


def _end_group(group: int) -> bool:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            return number is signal.SIGKILL
        processes.wait_until(lambda: not _group_exists(group), seconds=STOP_SECONDS)
    return True


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _reason(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _obituary(part: Part, what: str) -> str:
    return f"{part.name} {what}. The end of {part.log}:\n{processes.last_lines(part.log)}"
