"""A database for a benchmark: durable as in production, migrated, used as the application's role."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.places import CHECKOUT, make_directory, state_dir
from deploy.local.services import APP, OWNER, EmbeddedPostgres, EmbeddedValkey


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """One that the servers' own user can enter; gone afterwards."""
    home = make_directory(state_dir() / "bench", mode=0o711)
    with tempfile.TemporaryDirectory(dir=home, prefix="b") as scratch:
        Path(scratch).chmod(0o711)
        yield Path(scratch)


@contextmanager
def queue() -> Iterator[None]:
    """An empty queue for Celery, of which the environment tells."""
    with scratch_directory() as scratch, EmbeddedValkey(scratch / "valkey") as valkey:
        os.environ |= valkey.environment()
        yield


@contextmanager
def database() -> Iterator[EmbeddedPostgres]:
    """Django is set up on a fresh embedded PostgreSQL, which is gone afterwards."""
    with scratch_directory() as scratch, EmbeddedPostgres(scratch / "pg") as postgres:
        settings = {
            "DJANGO_SETTINGS_MODULE": "portal.settings.local",
            "TAQSEEM_LOG_LEVEL": "ERROR",
            "TAQSEEM_EPOCH_FILE": str(scratch / "epoch.json"),
        }
        for command in ("migrate", "grant_app_role", "installation_begin"):
            subprocess.run(
                [sys.executable, "manage.py", command, "--skip-checks", "-v", "0"],
                cwd=CHECKOUT,
                env=os.environ | settings | postgres.environment(OWNER),
                stdout=subprocess.DEVNULL,
                check=True,
            )
        os.environ |= settings | postgres.environment(APP)
        import django

        django.setup()
        yield postgres
