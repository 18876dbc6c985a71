"""Processes that end with us, however we end."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from deploy.local.places import ServerUser

_PR_SET_PDEATHSIG = 1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# Loaded here since nothing may be imported between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    user: ServerUser | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to `log`.

    The terminal's Ctrl-C doesn't reach it: whoever started it stops it, in order. On Linux it gets
    `death_signal` when we die without having done so. Call this from the main thread only: Linux ties that
    to the thread.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_preparation(os.getpid(), death_signal),
            **as_user(user),
        )


class AsUser(TypedDict, total=False):
    """What subprocess calls the user, the group and the further groups of a process."""

    user: int
    group: int
    extra_groups: list[int]


def as_user(user: ServerUser | None) -> AsUser:
    """The arguments that make subprocess run something as `user`."""
    if user is None or user.is_me:
        return {}
    return {"user": user.uid, "group": user.gid, "extra_groups": []}


def stop(process: subprocess.Popen[bytes], *, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and wait its seconds, until the process has ended; then kill its group."""
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def command_of(pid: int) -> str:
    """The command line of a process, empty when there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        if Path("/proc/self").exists():
            return ""
    return _ps("command", pid)


def started(pid: int) -> str:
    """When a process began, which tells it from a later one of that number; empty when there is none."""
    try:
        # The 22nd field, counted behind the name, which may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "" if Path("/proc/self").exists() else _ps("lstart", pid)


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Poll until the condition holds; False when it still doesn't after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def last_lines(log: Path, count: int = 15) -> str:
    """The tail of a log, for messages."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def _ps(column: str, pid: int) -> str:
    words = ["ps", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def _preparation(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    def prepare() -> None:
        # A background shell ignores SIGINT, and children inherit that.
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal.value)
            if os.getppid() != parent:
                os._exit(1)

    return prepare
