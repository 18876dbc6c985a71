"""The whole product, started as `make run` starts it, for tests that come to it from outside."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import httpx

from deploy.local import processes
from deploy.local.places import CHECKOUT
from tests.running import STOP_SECONDS, running

PASSWORD = "taqseem-demo"
SIGN_IN = re.compile(r"^sign in$", re.IGNORECASE)
# The smallest file that is what it says.
EVIDENCE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
# A first start collects and compresses every static file.
FIRST_START_SECONDS = 600


def demo(login: str) -> str:
    """The e-mail address of a demo account."""
    return f"{login}@demo.taqseem.test"


@dataclass
class Portal:
    """A run that is ready, and the checkout that it runs from."""

    address: str
    checkout: Path

    @classmethod
    def running_in(cls, checkout: Path) -> Self:
        """The one that somebody started with `make run` there."""
        return cls((checkout / ".run" / "run.lock").read_text().rpartition(" ")[2], checkout)

    @cached_property
    def state(self) -> Path:
        return (self.checkout / ".run").resolve()

    def manage(self, *arguments: str) -> str:
        """What a management command prints, as somebody at another terminal calls it."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.checkout,
            env=outside_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def api(self, login: str) -> httpx.Client:
        """The API as a demo account, with a token of their own."""
        token = self.manage("demo_token", demo(login)).splitlines()[-1]
        return httpx.Client(
            base_url=f"{self.address}/api/v1",
            headers={"Authorization": f"Token {token}"},
            timeout=30,
        )

    def mail_to(self, address: str) -> list[str]:
        """The mails to this address, oldest first."""
        files = sorted((self.state / "mail").glob("*"), key=lambda file: file.stat().st_mtime_ns)
        return [text for file in files if f"To: {address}" in (text := file.read_text())]


def outside_environment() -> dict[str, str]:
    """Ours, but for what leads to this session's own servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TAQSEEM_", "DJANGO_"))}


def copy_working_tree(target: Path) -> None:
    """The checkout as it stands, what isn't committed yet included; what git ignores stays away."""
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, told.stdout.split("\0")):
        if (source := CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


@contextmanager
def started(home: Path, **settings: str) -> Iterator[Portal]:
    """The portal below `home` (a short path that everybody may enter); at the end nothing of it is left."""
    checkout = home / "checkout"
    copy_working_tree(checkout)
    command = [sys.executable, "-m", "deploy.local.run"]
    place = {"cwd": checkout, "state_home": home / "state", "tmp_path": home}
    with running(command, port=free_port(), settings=settings, **place) as run:
        run.must_be_ready(FIRST_START_SECONDS)
        yield Portal(f"http://127.0.0.1:{run.port}", checkout)
        run.process.terminate()
        assert run.process.wait(STOP_SECONDS) == 0, run.text
        run.must_leave_nothing()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition, *, seconds: float = 60, every: float = 0.3, what: str = "it") -> None:
    """Raises AssertionError when the condition never came true."""
    assert processes.wait_until(condition, seconds=seconds, every=every), f"{what} never came to be"
