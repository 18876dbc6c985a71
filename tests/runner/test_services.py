"""The embedded servers: who they run as, who may talk to them, and what they survive."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
import redis

from deploy.local import processes
from deploy.local.places import CHECKOUT, LocalStateError
from deploy.local.programs import distribution_postgres, postgres_major, wheel_postgres
from deploy.local.services import APP, DATABASE, OWNER, EmbeddedPostgres, EmbeddedValkey

SERVERS = [*distribution_postgres()[:1], *wheel_postgres()]


@pytest.fixture
def directory(open_directory, request):
    """A fresh one for each test, with a short name."""
    found = open_directory / str(abs(hash(request.node.nodeid)) % 10**6)
    found.mkdir(mode=0o755)
    return found


@pytest.fixture
def postgres(directory):
    with EmbeddedPostgres(directory / "pg", relaxed=True) as server:
        yield server


@pytest.fixture
def valkey(directory):
    with EmbeddedValkey(directory / "vk") as server:
        yield server


def ask(server, statement, role=OWNER):
    connection = server.connect(role, DATABASE)
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


@pytest.mark.parametrize("programs", SERVERS, ids=lambda path: f"postgres-{postgres_major(path)}")
def test_what_was_written_survives_a_restart(directory, programs):
    with EmbeddedPostgres(directory / "pg", programs=programs) as server:
        ask(server, "CREATE TABLE kept AS SELECT 7 AS n")
        assert server.status() == "running"
    assert server.status() == "stopped"
    with EmbeddedPostgres(directory / "pg", programs=programs) as server:
        assert ask(server, "SELECT n FROM kept") == (7,)
        assert ask(server, "SHOW fsync") == ("on",)


def test_postgres_is_nobodys_root_and_has_no_port(postgres):
    assert Path(f"/proc/{postgres.process.pid}").stat().st_uid != 0
    assert ask(postgres, "SHOW listen_addresses") == ("",)
    assert ask(postgres, "SHOW max_connections") == ("200",)
    assert ask(postgres, "SHOW server_encoding") == ("UTF8",)
    assert postgres.socket_dir.stat().st_mode & 0o077 == 0


def test_without_its_password_no_role_gets_in(postgres):
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host=str(postgres.socket_dir), user=OWNER, password="guessed", dbname=DATABASE)


def test_the_application_owns_nothing_and_cannot_begin_to(postgres):
    ask(postgres, "CREATE TABLE ledger (n int)")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(postgres, "CREATE TABLE mine (n int)", APP)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(postgres, "DROP TABLE ledger", APP)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to act for somebody else")
def test_another_user_cannot_even_reach_the_sockets(postgres, valkey, ordinary_user):
    for socket in (postgres.socket_dir / f".s.PGSQL.{postgres.port}", valkey.socket):
        stranger = ordinary_user.options() | {"user": 12345, "group": 12345}
        reach = f"import socket; socket.socket(socket.AF_UNIX).connect({str(socket)!r})"
        tried = subprocess.run(
            [ordinary_user.python, "-c", reach], capture_output=True, text=True, check=False, **stranger
        )
        assert "PermissionError" in tried.stderr


def test_one_directory_serves_one_run(postgres):
    with pytest.raises(LocalStateError, match="in use by another run"):
        EmbeddedPostgres(postgres.directory, relaxed=True).start()
    assert postgres.status() == "running"


def test_a_half_built_cluster_is_built_anew(directory):
    server = EmbeddedPostgres(directory / "pg", relaxed=True)
    with server:
        pass
    (server.directory / "credentials.json").unlink()
    with server:
        assert ask(server, "SELECT 1") == (1,)


def test_data_of_a_version_that_is_gone_is_not_touched(directory):
    with EmbeddedPostgres(directory / "pg") as server:
        pass
    (server.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(LocalStateError, match=r"PostgreSQL 12.*TAQSEEM_PG_BIN"):
        EmbeddedPostgres(directory / "pg").start()
    assert (server.data / "base").exists()


def test_a_killed_server_starts_again(postgres):
    postgres.process.kill()
    postgres.process.wait()
    postgres.start()
    assert ask(postgres, "SELECT 1") == (1,)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
@pytest.mark.parametrize("service", ["EmbeddedPostgres", "EmbeddedValkey"])
def test_servers_end_when_whoever_started_them_is_killed(directory, service):
    code = f"""
import time
from pathlib import Path
from deploy.local.services import {service}
server = {service}(Path({str(directory / "x")!r}))
server.start()
print(server.process.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as owner:
        pid = int(owner.stdout.readline())
        assert processes.command_of(pid)
        owner.send_signal(signal.SIGKILL)
    assert processes.wait_until(lambda: not processes.command_of(pid), seconds=20)


def test_the_queue_keeps_what_it_was_told_and_forgets_nothing_for_room(directory):
    with EmbeddedValkey(directory / "vk") as server:
        server.client().set("kept", "yes")
        assert server.client().config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with EmbeddedValkey(directory / "vk") as server:
        assert server.client().get("kept") == b"yes"


def test_the_queue_asks_for_its_password(valkey):
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(unix_socket_path=str(valkey.socket)).ping()
    assert redis.Redis.from_url(valkey.environment()["TAQSEEM_REDIS_URL"]).ping()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user is what we are already")
def test_an_ordinary_user_runs_them_too(ordinary_user):
    code = f"""
from pathlib import Path
from deploy.local.services import EmbeddedPostgres, EmbeddedValkey
home = Path({str(ordinary_user.home)!r})
with EmbeddedPostgres(home / "pg") as postgres, EmbeddedValkey(home / "vk") as valkey:
    print(postgres.status(), valkey.status())
"""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    result = ordinary_user.run(ordinary_user.python, "-c", code, PYTHONPATH=f"{CHECKOUT}:{packages}")
    assert result.stdout.split() == ["running", "running"], result.stderr
