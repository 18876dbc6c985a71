"""A whole run of the portal as a process of its own, and every process that belongs to it."""

import json
import os
import re
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from deploy.local import processes

READY_SECONDS = 180
STOP_SECONDS = 30


class Running:
    """A run of the portal and every process that belongs to it."""

    def __init__(self, process: subprocess.Popen, output: Path, port: int, state_home: Path) -> None:
        self.process, self.output, self.port, self.state_home = process, output, port, state_home

    @property
    def text(self) -> str:
        return self.output.read_text()

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)

    def says(self, pattern: str, seconds: float = READY_SECONDS) -> bool:
        def said_or_over() -> bool:
            return bool(re.search(pattern, self.text)) or self.process.poll() is not None

        processes.wait_until(said_or_over, seconds=seconds)
        return bool(re.search(pattern, self.text))

    def must_be_ready(self, seconds: float = READY_SECONDS) -> None:
        assert self.says("Taqseem is ready", seconds), self.text

    def left(self) -> dict[int, str]:
        """Whatever has our state in its environment or in its command."""
        mark = str(self.state_home).encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if mark in (entry / "environ").read_bytes() or mark in (entry / "cmdline").read_bytes():
                        found[int(entry.name)] = processes.command_of(int(entry.name))
                except OSError:
                    continue
        return found

    def must_leave_nothing(self) -> None:
        assert processes.wait_until(lambda: not self.left(), seconds=STOP_SECONDS, every=0.2), self.left()

    def supervisor(self) -> int:
        return next(pid for pid, command in self.left().items() if command.endswith("-m deploy.local.run"))

    def pid_of(self, words: str) -> int:
        return next(pid for pid, command in self.left().items() if words in command)


@contextmanager
def running(command, *, cwd, port, state_home, tmp_path, ignoring=None, settings=None, **options):
    """The command with a state of its own; `settings` are environment variables besides PORT.

    Whatever is left of it at the end is killed, so a test that minds must look before.
    """
    output = tmp_path / "output"
    env = options.pop("env", dict(os.environ))
    env = {
        name: value for name, value in env.items() if not name.startswith("TAQSEEM_") and name != "MAKELEVEL"
    }
    env |= settings or {}
    with output.open("w") as file:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=env | {"PORT": str(port), "TAQSEEM_STATE_HOME": str(state_home)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=(lambda: signal.signal(ignoring, signal.SIG_IGN)) if ignoring else None,
            **options,
        )
    run = Running(process, output, port, state_home)
    try:
        yield run
    finally:
        for pid in run.left():
            os.kill(pid, signal.SIGKILL)
        process.wait()
