"""What the tests of docker-compose.yml share: the file as it is read, its secrets, the documented lines."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from deploy.local.places import CHECKOUT

COMPOSE = CHECKOUT / "docker-compose.yml"
OPERATIONS = CHECKOUT / "docs" / "operations.md"
SCRIPTS = CHECKOUT / "deploy" / "compose"
SETTINGS = {
    "TAQSEEM_HOSTS": "taqseem.example.pk",
    "TAQSEEM_PUBLIC_URL": "https://taqseem.example.pk",
    "TAQSEEM_MAIL_FROM": "Taqseem <no-reply@taqseem.example.pk>",
}
PORTAL_PARTS = ("web", "worker", "exports", "beat", "sealer")
SLURM_CLUSTERS = ("datavault", "higgs", "astrolabe-ned", "astrolabe-uet")


def leave_out(reason: str) -> None:
    """Skip; under CI=true that is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def compose(*arguments, file=COMPOSE, settings=SETTINGS) -> subprocess.CompletedProcess:
    """Call docker-compose with these settings alone: a .env of the checkout's owner isn't looked at."""
    if not shutil.which("docker-compose"):
        leave_out("there is no docker-compose (package docker-compose)")
    with tempfile.NamedTemporaryFile() as empty:
        where = ["--env-file", empty.name, "--project-directory", str(CHECKOUT), "--file", str(file)]
        return subprocess.run(
            ["docker-compose", *where, *arguments],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | settings,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def parsed() -> dict:
    """The whole file as docker-compose reads it, the profile included."""
    done = compose("--profile", "slurm", "config")
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def make_secrets(directory: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [SCRIPTS / "make-secrets.sh", *arguments],
        env=os.environ | {"TAQSEEM_SECRETS": str(directory)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    """As make-secrets.sh makes them."""
    directory = tmp_path_factory.mktemp("secrets")
    make_secrets(directory)
    return directory


@pytest.fixture(scope="module")
def commands() -> list[list[str]]:
    """Every command line of docs/operations.md, as words."""
    blocks = re.findall(r"^```sh\n(.*?)^```", OPERATIONS.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.fixture(scope="module")
def engineless():
    """Skips where namespaces can't be made."""
    able = os.geteuid() == 0 and shutil.which("unshare")
    names = ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "true"]
    if not able or subprocess.run(names, capture_output=True, check=False).returncode:
        leave_out("needs root and namespaces")


def localised(service: dict, parsed: dict, secrets: Path) -> dict:
    """The service with its secrets led to the test's own folder."""
    home = str(SCRIPTS / "secrets")
    told = [
        secret if isinstance(secret, dict) else {"source": secret} for secret in service.get("secrets", [])
    ]
    return service | {
        "secrets": [
            secret | {"file": parsed["secrets"][secret["source"]]["file"].replace(home, str(secrets))}
            for secret in told
        ],
        "volumes": [volume.replace(home, str(secrets)) for volume in service.get("volumes", [])],
    }
