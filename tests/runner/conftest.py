"""An ordinary user, and a Python that they can run."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.places import blocked_by, server_user
from tests.runner.compose_stage import commands, engineless, parsed, secrets  # noqa: F401  fixtures


@dataclass(frozen=True)
class OrdinaryUser:
    """Somebody without rights: when we are root `nobody`, else ourselves."""

    home: Path
    python: str
    library_path: str

    def options(self, **env: str) -> dict:
        """What makes subprocess act as them."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LD_LIBRARY_PATH": self.library_path}
        if os.geteuid():
            return {"env": own | env}
        nobody = pwd.getpwnam("nobody")
        return {"env": own | env, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(self, *command, **env: str) -> subprocess.CompletedProcess:
        words = [str(word) for word in command]
        return subprocess.run(words, capture_output=True, text=True, check=False, **self.options(**env))


@pytest.fixture(scope="session")
def open_directory():
    """A directory with a short name that everybody may enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="tq-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def ordinary_user(open_directory):
    user = server_user()
    home = open_directory / "home"
    home.mkdir()
    os.chown(home, user.uid, user.gid)
    base = Path(os.path.realpath(sys._base_executable))
    if blocked_by(base, user) is None:
        return OrdinaryUser(home, str(base), os.environ.get("LD_LIBRARY_PATH", ""))
    # Root's own Python may lie in root's private home.
    prefix = open_directory / "python"
    unneeded = shutil.ignore_patterns("test", "__pycache__", "*.a", "site-packages")
    shutil.copytree(sys.base_prefix, prefix, symlinks=True, ignore=unneeded)
    subprocess.run(["chmod", "-R", "a+rX", prefix], check=True)
    return OrdinaryUser(home, str(prefix / base.relative_to(sys.base_prefix)), str(prefix / "lib"))
