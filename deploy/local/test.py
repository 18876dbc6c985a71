"""`make test`: checks and every suite, and what had to be left out.

On Debian and Ubuntu as root it installs what it lacks. With CI=true leaving a suite out is a failure.
`--full` runs at full size: suites read that from TAQSEEM_TEST_SIZE, `ci` or `full`.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local import check
from deploy.local.places import CHECKOUT
from deploy.local.programs import distribution_postgres, wheel_postgres

# What has to be there, and Debian's package that brings it.
PACKAGES = {
    "xgettext": "gettext",
    "chromium": "chromium",
    "haproxy": "haproxy",
    "docker-compose": "docker-compose",
    "shellcheck": "shellcheck",
}
# Suites that mostly wait run beside the others, which keep a processor busy: those for real Slurm, whose
# clusters serve one after the other, and those for a browser or a portal that starts.
COMPOSE_SLURM = "tests/runner/test_compose_slurm.py"
ON_SLURM = ("tests/contract", "tests/e2e", "tests/fault", "tests/lab", "tests/site", COMPOSE_SLURM)
ON_THE_PORTAL = ("tests/e2e", "tests/runner", f"--ignore={COMPOSE_SLURM}")
PYTEST = [sys.executable, "-m", "pytest", "-p", "deploy.local.pytest_summary", "-q"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="at full size, which takes long")
    os.environ["TAQSEEM_TEST_SIZE"] = "full" if parser.parse_args().full else "ci"
    # So that what we started ends with us.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    install_packages()
    failed = [] if check.main() == 0 else ["make check"]
    left_out: dict[str, str] = {}
    options = []
    if not shutil.which("chromium"):
        left_out["e2e"] = "there is no Chromium (package chromium)"
        options.append("--ignore=tests/e2e")
    if not shutil.which("haproxy"):
        left_out["site"] = "there is no HAProxy (package haproxy)"
        options.append("--ignore=tests/site")
    with Lab() as lab:
        if lab.problem:
            left_out["lab"] = lab.problem
            options.append("--ignore=tests/lab")
        failed += run_suites(options, has_lab=not lab.problem)
    return report(failed, left_out)


def run_suites(options: list[str], *, has_lab: bool) -> list[str]:
    """Run them all, in three lanes at once; the names of what failed."""
    lanes = {
        "suites for Slurm": [*ON_SLURM, "-m", "lab or not e2e" if has_lab else "not lab and not e2e"],
        "suites for the portal as it runs": [*ON_THE_PORTAL, "-m", "not lab"],
    }
    with ExitStack() as ends:
        waiting = {name: ends.enter_context(beside([*suites, *options])) for name, suites in lanes.items()}
        failed = run_busy_suites(options)
        return failed + [name for name, lane in waiting.items() if lane.wait()]


@contextmanager
def beside(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """pytest in the background; at the end what it said."""
    with tempfile.TemporaryFile() as said:
        lane = subprocess.Popen([*PYTEST, *arguments], cwd=CHECKOUT, stdout=said, stderr=subprocess.STDOUT)
        try:
            yield lane
        finally:
            lane.terminate()
            lane.wait()
            said.seek(0)
            sys.stdout.flush()
            shutil.copyfileobj(said, sys.stdout.buffer)


def run_busy_suites(options: list[str]) -> list[str]:
    failed = []
    if distribution_postgres() and not os.environ.get("TAQSEEM_PG_BIN"):
        # The distribution's server serves all suites; what rests on the database alone is tried on both.
        embedded = os.environ | {"TAQSEEM_PG_BIN": str(wheel_postgres()[0])}
        if subprocess.run([*PYTEST, "tests/database"], cwd=CHECKOUT, env=embedded, check=False).returncode:
            failed.append("database suite on the embedded PostgreSQL")
    others = [f"--ignore={path}" for path in {*ON_SLURM, *ON_THE_PORTAL} if path.startswith("tests/")]
    if subprocess.run([*PYTEST, *others, *options], cwd=CHECKOUT, check=False).returncode:
        failed.append("suites on this machine alone")
    return failed


def report(failed: list[str], left_out: dict[str, str]) -> int:
    """Say how it went; the exit code."""
    for suite, reason in left_out.items():
        print(f"LEFT OUT: {suite}, since {reason}")
    if left_out and os.environ.get("CI") == "true":
        failed = [*failed, "nothing may be left out in CI"]
    for what in failed:
        print(f"FAILED: {what}")
    return 1 if failed else 0


def install_packages() -> None:
    """Install what is missing where we may; what stays missing leaves suites out."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not missing or not can_install():
        return
    print(f"Installing {', '.join(missing)} …", flush=True)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([*apt, *command], env=quiet, stdin=subprocess.DEVNULL, check=False)


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


class Lab:
    """The real Slurm clusters while the suites run. `problem` says why there are none."""

    def __init__(self) -> None:
        self.problem = ""
        self._is_ours = False

    def __enter__(self) -> "Lab":
        if not can_install() or not Path("/proc/self/ns/pid").exists():
            self.problem = "real Slurm clusters take Debian or Ubuntu, and root"
        elif self._call("status"):
            self._is_ours = True
            if self._call("up"):
                self.problem = "the lab did not start, see above"
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            self._call("down")

    def _call(self, verb: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "deploy.lab.lab", verb], cwd=CHECKOUT, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
