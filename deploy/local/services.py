"""PostgreSQL and Valkey without installing anything: for trying out, developing, testing and measuring.

    with EmbeddedPostgres(directory / "postgres") as postgres, EmbeddedValkey(directory / "valkey") as valkey:
        os.environ |= postgres.environment("taqseem_app") | valkey.environment()

Both listen on a Unix socket only, in a directory that only their user (and root) can enter. They ask for a
generated password besides, since that user may be `nobody`, whom others use too.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from functools import cached_property
from pathlib import Path

import psycopg2
import redis

from deploy.local import processes
from deploy.local.embedded import STOP_SECONDS, EmbeddedService
from deploy.local.places import (
    LocalStateError,
    make_directory,
    write_private,
)
from deploy.local.programs import postgres_directory, postgres_major, runnable_by, valkey_directory

ADMIN, OWNER, APP = "taqseem_admin", "taqseem_owner", "taqseem_app"
DATABASE = "taqseem"


class EmbeddedPostgres(EmbeddedService):
    """A PostgreSQL cluster with the roles and the database of the portal.

    `taqseem_owner` owns the database and runs migrations; `taqseem_app` owns nothing, and the portal is it.
    """

    name = "postgres"
    port = 5432  # part of the socket's name only

    def __init__(
        self, directory: Path, *, relaxed: bool = False, log: Path | None = None, programs: Path | None = None
    ) -> None:
        super().__init__(directory, relaxed=relaxed, log=log)
        self._credentials = directory / "credentials.json"
        self._chosen_programs = programs

    def environment(self, role: str = OWNER) -> dict[str, str]:
        return {
            "TAQSEEM_DB_NAME": DATABASE,
            "TAQSEEM_DB_HOST": str(self.socket_dir),
            "TAQSEEM_DB_PORT": str(self.port),
            "TAQSEEM_DB_USER": role,
            "TAQSEEM_DB_PASSWORD": self.password(role),
        }

    def password(self, role: str) -> str:
        """The generated password of one of the three roles."""
        passwords: dict[str, str] = json.loads(self._credentials.read_text())
        return passwords[role]

    def connect(self, role: str = ADMIN, database: str = "postgres") -> psycopg2.extensions.connection:
        """A new autocommit connection. Raises psycopg2.OperationalError when the server isn't there."""
        connection = psycopg2.connect(
            host=str(self.socket_dir),
            port=self.port,
            user=role,
            password=self.password(role),
            dbname=database,
        )
        connection.autocommit = True
        return connection

    @cached_property
    def programs(self) -> Path:
        """The directory of the server's programs, psql and pg_dump beside them.

        Raises LocalStateError when the version that wrote the data isn't here; relaxed data is made anew.
        """
        try:
            found = postgres_directory(
                self._chosen_programs, major=None if self.relaxed else self._data_major
            )
        except LocalStateError as error:
            hint = f" Or remove {self.directory} to start with empty data." if self._data_major else ""
            raise LocalStateError(f"{error}{hint}") from error
        return runnable_by(self.user, found)

    @property
    def _stop_steps(self) -> tuple[tuple[signal.Signals, float], ...]:
        return (signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, STOP_SECONDS)

    def _prepare(self) -> None:
        # The credentials are written last, so a cluster without them is half-built.
        if not self._credentials.exists() or self._data_major != postgres_major(self.programs):
            self._create()

    @property
    def _data_major(self) -> int | None:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except OSError:
            return None

    def _create(self) -> None:
        self._credentials.unlink(missing_ok=True)
        shutil.rmtree(self.data)
        make_directory(self.data, mode=0o700, owner=self.user)
        passwords = {role: secrets.token_urlsafe(24) for role in (ADMIN, OWNER, APP)}
        with tempfile.NamedTemporaryFile("w", dir=self.directory) as password_file:
            password_file.write(passwords[ADMIN])
            password_file.flush()
            os.chown(password_file.name, self.user.uid, self.user.gid)
            self._initdb(Path(password_file.name))
        unfinished = self._credentials.with_suffix(".new")
        write_private(unfinished, json.dumps(passwords))
        published, self._credentials = self._credentials, unfinished
        try:
            process = self._launch()
            self._create_roles(passwords)
            processes.stop(process, steps=self._stop_steps)
        finally:
            self._credentials = published
        unfinished.rename(published)

    def _initdb(self, password_file: Path) -> None:
        # Locale C is the same in every version and on every machine.
        result = subprocess.run(
            [
                self.programs / "initdb",
                f"--pgdata={self.data}",
                f"--username={ADMIN}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                *(["--no-sync"] if self.relaxed else []),
            ],
            env=self._server_environment(),
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            **processes.as_user(self.user),
        )
        if result.returncode:
            raise LocalStateError(f"initdb failed:\n{result.stdout}{result.stderr}")

    def _create_roles(self, passwords: dict[str, str]) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD %s", [passwords[OWNER]])
            cursor.execute(f"CREATE ROLE {APP} LOGIN PASSWORD %s", [passwords[APP]])
            if self.relaxed:  # tests empty append-only tables between them
                cursor.execute(f"GRANT SET ON PARAMETER session_replication_role TO {OWNER}")
        connection.close()
        connection = self.connect()
        connection.cursor().execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        connection.close()

    def _command(self) -> list[str | Path]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.socket_dir,
            "unix_socket_permissions": "0700",
            "port": self.port,
            "max_connections": 200,
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if self.relaxed:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [self.programs / "postgres", "-D", self.data, *options]

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except (psycopg2.OperationalError, OSError):
            return False
        return True

    def _leftover_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None


class EmbeddedValkey(EmbeddedService):
    """A Valkey that keeps what it was told (AOF) and refuses rather than forgets when memory is full."""

    name = "valkey"

    def __init__(self, directory: Path, *, relaxed: bool = False, log: Path | None = None) -> None:
        super().__init__(directory, relaxed=relaxed, log=log)
        self.socket = self.socket_dir / "valkey.sock"
        self._settings = self.data / "valkey.conf"
        self._pid_file = self.data / "valkey.pid"
        self._password_file = directory / "password"

    def environment(self) -> dict[str, str]:
        return {"TAQSEEM_REDIS_URL": f"unix://:{self.password}@{self.socket}?db=0"}

    @property
    def password(self) -> str:
        """The generated password; empty before the first start."""
        return self._password_file.read_text() if self._password_file.exists() else ""

    def client(self) -> redis.Redis:
        """A new client of database 0."""
        return redis.Redis(unix_socket_path=str(self.socket), password=self.password)

    @property
    def _stop_steps(self) -> tuple[tuple[signal.Signals, float], ...]:
        return ((signal.SIGTERM, STOP_SECONDS),)

    def _prepare(self) -> None:
        if not self.password:
            write_private(self._password_file, secrets.token_urlsafe(24))
        settings = {
            "port": 0,
            "unixsocket": self.socket,
            "unixsocketperm": 700,
            "requirepass": self.password,
            "dir": self.data,
            "pidfile": self._pid_file,
            "save": '""',
            "appendonly": "no" if self.relaxed else "yes",
            "maxmemory-policy": "noeviction",
        }
        # In a file, since everybody can read a command line.
        write_private(
            self._settings, "".join(f"{key} {value}\n" for key, value in settings.items()), owner=self.user
        )

    def _command(self) -> list[str | Path]:
        return [runnable_by(self.user, valkey_directory()) / "valkey-server", self._settings]

    def _answers(self) -> bool:
        client = self.client()
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()

    def _leftover_pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None
