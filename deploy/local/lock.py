"""`make lock`: resolve pyproject.toml into both locks, with hashes and without any registry's address."""

import subprocess
import sys

from deploy.local.places import CHECKOUT

COMPILE = [
    "uv",
    "pip",
    "compile",
    "pyproject.toml",
    "--universal",
    "--python-version=3.12",
    "--generate-hashes",
    "--upgrade",
    "--quiet",
    "--no-emit-index-url",
    "--no-annotate",
    "--no-header",
]


def main() -> None:
    for options in (
        ["-o", "requirements.lock"],
        ["--group", "dev", "-c", "requirements.lock", "-o", "requirements-dev.lock"],
    ):
        subprocess.run([sys.executable, "-m", *COMPILE, *options], cwd=CHECKOUT, check=True)
    print("Locks are up to date: see git diff, then run the tests.")


if __name__ == "__main__":
    main()
