"""The portal's own processes on this machine, and the environment that they share."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from deploy.local.places import CHECKOUT, make_directory, write_private
from deploy.local.services import APP, OWNER, EmbeddedPostgres, EmbeddedValkey
from deploy.local.supervisor import Program


def address_of(host: str, port: int) -> str:
    """Where a browser on this machine finds the portal."""
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


class Portal:
    """What `make run` starts besides the database and the queue."""

    def __init__(
        self,
        state: Path,
        logs: Path,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        *,
        host: str,
        port: int,
    ) -> None:
        self.state, self.logs, self.postgres, self.valkey = state, logs, postgres, valkey
        self.host, self.port = host, port
        self.sandbox_state = state / "sandbox" / "sandbox.json"
        self._lab: dict[str, str] = {}

    def environment(self, role: str = APP) -> dict[str, str]:
        """The settings of the portal: as the role that owns nothing, or as the owner for migrations."""
        return (
            {
                "DJANGO_SETTINGS_MODULE": "portal.settings.local",
                "TAQSEEM_PUBLIC_URL": address_of(self.host, self.port),
                "TAQSEEM_RUN_DIR": str(self.state),
                "TAQSEEM_SECRET_KEY": self._secret_key(),
                "TAQSEEM_SANDBOX_STATE": str(self.sandbox_state),
            }
            | self.postgres.environment(role)
            | self.valkey.environment()
            | self._lab
        )

    def preparation(self) -> Program:
        """Migrations, grants, translations, static files, demo data: in one process (Django loads slowly)."""
        return self._program("prepare", "deploy.local.prepare", role=OWNER)

    def programs(self) -> list[Program]:
        """What runs while the portal runs, in the order to start; it is stopped in reverse."""
        celery = ["celery", "--app=portal", "--quiet"]
        return [
            self._program("sealer", "manage", "audit_sealer"),
            self._program(
                "worker",
                *celery,
                "worker",
                "--pool=threads",
                "--concurrency=16",
                "--queues=default,bridge",
                "--loglevel=INFO",
                "--without-gossip",
                "--without-mingle",
            ),
            self._program(
                "beat", *celery, "beat", f"--schedule={self.state / 'beat-schedule'}", "--pidfile="
            ),
            self._program(
                "web",
                "granian",
                "--interface=wsgi",
                f"--host={self.host}",
                f"--port={self.port}",
                "--workers=2",
                "--blocking-threads=16",
                "--no-ws",
                "--respawn-failed-workers",
                "--workers-kill-timeout=4",
                "portal.wsgi:application",
            ),
        ]

    def sandbox(self) -> Program:
        """The sandbox sites, each with a signing key of its own."""
        directory = make_directory(self.state / "sandbox", mode=0o700)
        self.sandbox_state.unlink(missing_ok=True)  # it comes back once they listen
        config = json.loads((CHECKOUT / "deploy" / "local" / "sandbox.json").read_text())
        for cluster in config["clusters"]:
            key = directory / f"{cluster['name']}.key"
            if not key.exists():
                write_private(key, secrets.token_urlsafe(32))
            cluster["jwt_key_file"] = str(key)
        (directory / "config.json").write_text(json.dumps(config))
        options = ["--config", str(directory / "config.json"), "--state-dir", str(directory)]
        return self._program("sandbox", "scheduler_bridge.sandbox", *options)

    def lab(self, verb: str) -> Program:
        """`up` or `status` of the real Slurm clusters; from now on the portal is told of them."""
        from deploy.lab.state import run_directory

        self._lab = {"TAQSEEM_LAB_STATE": str(run_directory() / "lab.json")}
        return self._program("lab", "deploy.lab.lab", verb)

    @staticmethod
    def stop_lab(logs: Path) -> None:
        with (logs / "lab.log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "deploy.lab.lab", "down"],
                cwd=CHECKOUT,
                stdout=log,
                stderr=log,
                check=False,
            )

    def _program(self, name: str, module: str, *arguments: str, role: str = APP) -> Program:
        return Program(
            name=name,
            command=[sys.executable, "-m", module, *arguments],
            log=self.logs / f"{name}.log",
            env=_inherited() | self.environment(role) | {"PYTHONUNBUFFERED": "1"},
        )

    def _secret_key(self) -> str:
        file = self.state / "secret-key"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(48))
        return file.read_text()


def _inherited() -> dict[str, str]:
    """Our own environment, but with compiled modules kept: without them all this loads for half a minute."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
