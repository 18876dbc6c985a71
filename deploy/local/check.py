"""`make check`: everything that can be told without running the portal. Prints the output of what fails."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.places import CHECKOUT

PACKAGES = ("portal", "datacenters", "allocations", "scheduler_bridge", "deploy")
CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy", *PACKAGES],
    "imports": ["lint-imports"],
    "templates": ["djlint", "templates", "--lint", "--quiet"],
    "settings": ["python", "manage.py", "check"],
    "migrations": ["python", "manage.py", "makemigrations", "--check", "--dry-run"],
    "translations": ["python", "-m", "deploy.local.messages", "--check"],
}


def main() -> int:
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        passed = list(pool.map(_passes, CHECKS))
    print(f"{sum(passed)} of {len(passed)} checks passed", flush=True)
    return 0 if all(passed) else 1


def _passes(name: str) -> bool:
    began = time.monotonic()
    program, *arguments = CHECKS[name]
    result = subprocess.run(
        [Path(sys.prefix) / "bin" / program, *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings.test"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    verdict = "ok" if result.returncode == 0 else "FAILED"
    lines = [f"{name:14}{verdict}  {time.monotonic() - began:.1f} s"]
    if result.returncode:
        lines.append(result.stdout.rstrip())
    print("\n".join(lines), flush=True)
    return result.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
