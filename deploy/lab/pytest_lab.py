"""Pytest plugin: the fixture `lab`, real Slurm clusters for a test session.

A lab that is up already is used and left up; else one is started, and stopped with the session.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab.state import Lab, LabDown

SCRIPT = Path(__file__).with_name("lab.py")


def run_lab(*arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run lab.py to its end. Raises AssertionError with what it said when it fails."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert not (check and done.returncode), f"lab.py {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done


def what_is_missing() -> str | None:
    """Why this machine cannot run a lab; None when it can."""
    if os.geteuid() != 0:
        return "real Slurm needs root"
    if not shutil.which("apt-get"):
        return "real Slurm is installed from Debian packages: no apt-get here"
    namespaces = ["unshare", "--mount", "--pid", "--uts", "--fork", "true"]
    if subprocess.run(namespaces, capture_output=True).returncode:
        return "real Slurm needs namespaces (CAP_SYS_ADMIN)"
    return None


@pytest.fixture(scope="session")
def lab_possible() -> None:
    """Skips where no lab can run; under CI=true leaving it out is a failure."""
    reason = what_is_missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def lab(lab_possible: None) -> Iterator[Lab]:
    """All clusters of the lab, every daemon answering."""
    try:
        Lab.load()
        was_up = True
    except LabDown:
        was_up = False
    run_lab("up")
    yield Lab.load()
    if not was_up:
        run_lab("down")
