"""Build or repair .venv from the lock, with any supported Python and nothing installed.

A stamp in .venv tells what it was built from, so that nothing is done when nothing changed. It is written
last: without it the environment is half-built and made anew.
"""

import argparse
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
STAMP = VENV / "taqseem-stamp.json"
RUNTIME_LOCK = CHECKOUT / "requirements.lock"
DEV_LOCK = CHECKOUT / "requirements-dev.lock"  # holds all of the runtime lock too


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="with what the tests need")
    parser.add_argument("command", nargs="*", help="arguments of the Python of .venv, which takes our place")
    arguments = parser.parse_args()
    locks = [RUNTIME_LOCK, DEV_LOCK] if arguments.dev else [RUNTIME_LOCK]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        # A neighbour that builds the same one is waited for.
        with (CHECKOUT / ".venv.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            build(locks)
    except PermissionError as error:
        print(
            f"Can't write {error.filename}: this checkout belongs to somebody else. Clone your own.",
            file=sys.stderr,
        )
        return 1
    except subprocess.CalledProcessError as error:
        print(
            f"Setting up .venv failed (exit {error.returncode}, see above). If a download failed, "
            "run it again: it goes on from here.",
            file=sys.stderr,
        )
        return 1
    if arguments.command:
        # The process stays the same, so that whoever started us can go on sending it signals.
        python = VENV / "bin" / "python"
        os.execv(python, [str(python), *arguments.command])
    return 0


def build(locks: list[Path]) -> None:
    """Bring .venv to what the last of the locks says, making it first if it isn't sound."""
    wanted = {"python": interpreter()} | {lock.name: digest(lock) for lock in locks}
    stamped = read_stamp()
    if stamped | wanted == stamped:
        return
    if stamped.get("python") != wanted["python"]:
        print(f"Making .venv with {wanted['python']}", flush=True)
        run(sys._base_executable, "-m", "venv", "--clear", VENV)  # type: ignore[attr-defined]
    print(f"Installing {locks[-1].name}: a minute or two the first time", flush=True)
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "--root-user-action=ignore",
    ]
    run(VENV / "bin" / "python", "-m", "pip", "install", *options, "-r", locks[-1])
    STAMP.write_text(json.dumps(wanted))


def interpreter() -> str:
    """The Python that .venv stands on: ours, or the one below ours when we run in a virtual environment."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"Python {version} at {os.path.realpath(sys._base_executable)}"  # type: ignore[attr-defined]


def read_stamp() -> dict[str, str]:
    """What .venv was built from; empty when it isn't whole or its Python doesn't run."""
    try:
        subprocess.run([VENV / "bin" / "python", "-c", "import pip"], check=True, capture_output=True)
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError, subprocess.CalledProcessError):
        return {}
    return stamp


def digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def run(*command: str | Path) -> None:
    """Run a command to its end, and end it with us. Raises CalledProcessError when it fails."""
    with subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.DEVNULL, process_group=0
    ) as process:
        try:
            code = process.wait()
        except SystemExit:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if code:
        raise subprocess.CalledProcessError(code, command)


def stop(number: int, _: object) -> None:
    """A background shell has SIGINT ignored: this listens all the same."""
    print("Stopped before .venv was complete. The next run goes on from here.", file=sys.stderr)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
