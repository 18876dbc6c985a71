"""What embedded servers have in common: a directory, a user, a lock, a patient start and a sure stop."""

import fcntl
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Self

from deploy.local import processes
from deploy.local.places import LocalStateError, ServerUser, blocked_by, make_directory, server_user

START_SECONDS = 60
STOP_SECONDS = 10


class EmbeddedService(ABC):
    """One server with everything of its own in one directory.

    `relaxed` trades durability for speed: for tests only, where a power cut costs nothing. `log` is where the
    server's output goes, unless to the directory.
    """

    name: str

    def __init__(self, directory: Path, *, relaxed: bool = False, log: Path | None = None) -> None:
        self.directory = directory
        self.relaxed = relaxed
        self.user: ServerUser = server_user()
        self.log = log or directory / f"{self.name}.log"
        self.data = directory / "data"
        self.socket_dir = directory / "socket"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The running server, for a supervisor to watch."""
        return self._process

    def start(self) -> None:
        """Start and wait until the server answers. Does nothing when it is running already.

        Raises LocalStateError, which says what to do, when it can't.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()  # what is left of one that died
        self._claim()
        try:
            self._end_leftover()
            self._prepare()
            self._launch()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, within seconds, and let go of the directory. Does nothing when it isn't running."""
        if self._process is not None:
            processes.stop(self._process, steps=self._stop_steps)
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def status(self) -> str:
        """`running` or `stopped`, whoever started it."""
        return "running" if self._answers() else "stopped"

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The settings that lead the portal to this server."""

    @property
    @abstractmethod
    def _stop_steps(self) -> tuple[tuple[signal.Signals, float], ...]: ...

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str | Path]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    @abstractmethod
    def _leftover_pid(self) -> int | None: ...

    def _claim(self) -> None:
        make_directory(self.directory, mode=0o700 if self.user.is_me else 0o711)
        make_directory(self.data, mode=0o700, owner=self.user)
        make_directory(self.socket_dir, mode=0o700, owner=self.user)
        if blocker := blocked_by(self.directory, self.user):
            raise LocalStateError(
                f"{self.user.name} can't enter {blocker}, where {self.name} should keep its data."
            )
        self._lock = (self.directory / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            self._lock = None
            raise LocalStateError(f"{self.directory} is in use by another run.") from error

    def _end_leftover(self) -> None:
        """A server that outlived its run; the lock is ours, so nobody needs it."""
        pid = self._leftover_pid()
        if pid is None or str(self.directory) not in processes.command_of(pid):
            return
        for number, seconds in self._stop_steps:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            if processes.wait_until(lambda: not processes.command_of(pid), seconds=seconds):
                return

    def _launch(self) -> subprocess.Popen[bytes]:
        process = self._process = processes.spawn(
            self._command(),
            log=self.log,
            env=self._server_environment(),
            cwd=self.directory,
            user=self.user,
            death_signal=self._stop_steps[0][0],
        )
        answered = processes.wait_until(
            lambda: self._answers() or process.poll() is not None, seconds=START_SECONDS
        )
        if not answered or process.poll() is not None:
            raise LocalStateError(
                f"{self.name} did not start. The end of {self.log}:\n{processes.last_lines(self.log)}"
            )
        return process

    def _server_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "TZ": "UTC",
            "HOME": str(self.directory),
        }
