"""A site as its administrators would set it up: the shipped scripts, a real HAProxy, something behind it."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scheduler_bridge.slurm_rest_client import RS256Signer, SlurmClient, Timeouts, tls_context

FILES = Path(__file__).parents[2] / "deploy" / "site"
OPERATOR, WORKER = "tqportal", "tqresearcher"
# root stands in the map on purpose: the proxy refuses it even so.
USERS = {OPERATOR: "operator", WORKER: "job", "root": "operator", "slurm": "job"}


def run(*command: str | Path, **environment: str) -> str:
    """The command's output. Raises AssertionError with what it said when it fails."""
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def new_key() -> bytes:
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Authority:
    """A site's authority, made by its own script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._script("ca")
        self.ca = folder / "ca.pem"

    def _script(self, *arguments: str, **environment: str) -> None:
        run(FILES / "certificates.sh", "-d", self.folder, *arguments, **environment)

    def server(self, *hosts: str) -> Path:
        self._script("server", *hosts)
        return self.folder / "server.pem"

    def portal(self, name: str = "taqseem-portal", **environment: str) -> Path:
        """A portal's certificate and key in one file: it makes the request, the site signs it."""
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        run(
            *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
            *("-keyout", key, "-out", request, "-subj", f"/CN={name}"),
        )
        self._script("portal", request.name, **environment)
        both = self.folder / f"{name}.client.pem"
        both.write_text((self.folder / "portal.crt").read_text() + key.read_text())
        return both


@dataclass
class Site:
    """A site's folder ready to serve, and the portal's half of it."""

    authority: Authority
    signer: RS256Signer
    folder: Path
    client: Path

    def token(self, user: str, lifetime: int = 60) -> str:
        return self.signer.mint(user, int(time.time()) + lifetime).value

    def tls(self, *, client: Path | None = None) -> ssl.SSLContext:
        return tls_context(ca=self.authority.ca, client=client or self.client)

    @contextmanager
    def proxy(
        self,
        behind: str,
        *,
        without: tuple[str, ...] = (),
        replace: dict[str, str] | None = None,
        **settings: str,
    ) -> Iterator["Proxy"]:
        """A running proxy before `behind` (host:port). `without` names rules by what they tell the caller:
        the proxy runs without them."""
        folder = self.folder.with_name(f"run-{time.monotonic_ns()}")
        shutil.copytree(self.folder, folder)
        configuration = folder / "haproxy.cfg"
        text = configuration.read_text()
        for old, new in (replace or {}).items():
            assert old in text
            text = text.replace(old, new)
        for rule in without:
            assert f'"{rule}"' in text, f"there is no rule {rule!r}"
            text = "\n".join(line for line in text.split("\n") if f'"{rule}"' not in line)
        configuration.write_text(text)
        with socket.create_server(("127.0.0.1", 0)) as door, open(folder / "log", "wb") as log:
            environment = {
                "TAQSEEM_DIR": str(folder),
                "TAQSEEM_LISTEN": f"fd@{door.fileno()}",
                "TAQSEEM_SLURMRESTD": behind,
                **settings,
            }
            process = subprocess.Popen(
                ["haproxy", "-db", "-f", str(configuration)],
                env=os.environ | environment,
                pass_fds=[door.fileno()],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                yield Proxy(self, door.getsockname()[1], folder / "log", process)
            finally:
                process.terminate()
                process.wait(10)


@dataclass
class Proxy:
    site: Site
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def slurm(self, version: str = "v0.0.42", **options: object) -> SlurmClient:
        tls = options.pop("tls", None) or self.site.tls()
        return SlurmClient(self.url, api_version=version, tls=tls, timeouts=Timeouts(total=30), **options)

    def ask(self, call: "Call", *, client: Path | None = None) -> tuple[int, str]:
        """The status and the body's text, of a request sent exactly as it stands."""
        tls = self.site.tls(client=client)
        connection = http.client.HTTPSConnection("localhost", self.port, context=tls, timeout=10)
        try:
            connection.putrequest(call.method, call.path, skip_accept_encoding=True)
            for name, value in call.headers:
                connection.putheader(name, value)
            connection.endheaders()
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was all sent
                connection.send(call.body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@dataclass
class Call:
    """A request, byte for byte."""

    method: str = "GET"
    path: str = "/slurm/v0.0.42/ping/"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def refusal_in(text: str) -> str:
    return json.loads(text)["errors"][0]["description"]


class Behind:
    """Stands where slurmrestd stands, says yes to all and remembers what came through."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.hangs_up = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = [(name.lower(), value) for name, value in self.headers.items()]
                outer.calls.append(Call(self.command, self.path, headers, body))
                if outer.hangs_up:
                    self.close_connection = True
                    return
                answer = b'{"pings": [{"pinged": "UP"}], "errors": [], "job_id": 7}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_DELETE = do_PUT = handle_any

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
