"""Pytest plugin: a PostgreSQL and a Valkey of their own for each test session.

Sessions take numbered slots, so several may run at the same moment in one checkout. A slot's cluster is kept
for the next session, which saves making it anew; whatever a killed session left running in it is ended first.
The portal's settings are in the environment before Django loads them.
"""

import fcntl
import itertools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from deploy.local.places import LocalStateError, make_directory, state_dir
from deploy.local.services import APP, EmbeddedPostgres, EmbeddedValkey

# Set for child processes, which share their parent's servers.
SHARED = "TAQSEEM_TEST_SLOT"


class TestSlot:
    """One numbered directory, ours while its lock is held."""

    __test__ = False

    def __init__(self, directory: Path, lock: IO[str]) -> None:
        self.directory = directory
        self._lock = lock
        self.postgres = EmbeddedPostgres(directory / "postgres", relaxed=True)
        self.valkey = EmbeddedValkey(directory / "valkey", relaxed=True)

    @classmethod
    def take(cls) -> "TestSlot":
        """The first free slot."""
        home = make_directory(state_dir() / "test", mode=0o711)
        for number in itertools.count(1):
            lock = (home / f"{number}.lock").open("a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            return cls(make_directory(home / str(number), mode=0o711), lock)
        raise AssertionError("unreachable")

    def start(self) -> None:
        """Start both servers and lead the portal's settings to them."""
        self.postgres.start()
        self.valkey.start()
        os.environ |= self.postgres.environment() | self.valkey.environment()
        os.environ |= {
            SHARED: str(self.directory),
            "TAQSEEM_DB_APP_USER": APP,
            "TAQSEEM_DB_APP_PASSWORD": self.postgres.password(APP),
            "TAQSEEM_RUN_DIR": str(make_directory(self.directory / "run", mode=0o700)),
            "TAQSEEM_SECRET_KEY": secrets.token_urlsafe(48),
        }

    def release(self) -> None:
        """Stop both servers and let the next session have the slot."""
        self.valkey.stop()
        self.postgres.stop()
        os.environ.pop(SHARED, None)
        self._lock.close()


_slot = pytest.StashKey[TestSlot]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Before pytest-django loads the settings, which it does in this same hook."""
    if SHARED not in os.environ and not _only_tells(early_config):
        slot = TestSlot.take()
        early_config.stash[_slot] = slot
        early_config.add_cleanup(slot.release)
        try:
            slot.start()
        except LocalStateError as error:
            raise pytest.UsageError(str(error)) from error
    return (yield)


def _only_tells(config: pytest.Config) -> bool:
    """Whether pytest was asked for help, its version or its fixtures, and runs nothing."""
    options = config.known_args_namespace
    return bool(options.help or options.version or getattr(options, "markers", False))


@pytest.fixture(scope="session")
def embedded_postgres(pytestconfig: pytest.Config) -> EmbeddedPostgres:
    """The session's PostgreSQL, for tests that speak to it past Django."""
    return pytestconfig.stash[_slot].postgres


@pytest.fixture(scope="session")
def embedded_valkey(pytestconfig: pytest.Config) -> EmbeddedValkey:
    """The session's Valkey."""
    return pytestconfig.stash[_slot].valkey
