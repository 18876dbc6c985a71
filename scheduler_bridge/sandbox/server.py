"""The sandbox process: several virtual clusters, each behind its own loopback port."""

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from .api import Api
from .cluster import VirtualCluster
from .config import REST_VERSIONS, ClusterConfig, SandboxConfig, check_config
from .control import Control
from .faults import FaultBook, suffer
from .http import Connection, HttpRequest
from .journal import Journal
from .reply import Reply

_HOST = "127.0.0.1"


class _Site:
    """One cluster with everything that answers for it."""

    def __init__(self, config: ClusterConfig, settings: SandboxConfig, state_dir: Path | None) -> None:
        path = state_dir / f"{config.name}.jsonl" if state_dir else None
        self.config = config
        self.cluster = VirtualCluster(config, settings, Journal(path))
        self._connections: set[Connection] = set()
        self._faults = FaultBook()
        self._api = Api(self.cluster, Path(config.jwt_key_file).read_bytes())
        self._control = Control(self.cluster, self._faults)

    def connect(self) -> Connection:
        return Connection(self.handle, self._connections)

    def close(self) -> None:
        for connection in list(self._connections):
            connection.reset()
        self.cluster.journal.close()

    def handle(self, request: HttpRequest, connection: Connection) -> None:
        if request.path.startswith("/sandbox/"):
            connection.send(self._control.answer(request))
            return
        found = self._api.route(request.method, request.path)
        if found is None:
            connection.send(self._api.stray(request.path))
            return
        route, part = found

        def process() -> Reply:
            return self._api.answer(route, part, request.query, request.headers, request.body)

        fault = self._faults.take(route.name)
        if fault is None:
            connection.send(process())
        else:
            suffer(
                fault,
                connection,
                process,
                lambda kind: self._api.mishap(kind, route, part),
                lambda job_id: self.cluster.record("forget", job_id=job_id),
            )


class Sandbox:
    """Serves a configuration until stopped; for use inside an event loop."""

    def __init__(self, config: SandboxConfig, state_dir: Path | None = None) -> None:
        self._sites = [_Site(cluster, check_config(config), state_dir) for cluster in config.clusters]
        self._state_dir = state_dir
        self._servers: list[asyncio.Server] = []
        self.urls: dict[str, str] = {}

    async def start(self) -> None:
        """Listens on every cluster's port, then writes `sandbox.json`: where each is and what it speaks.

        Raises OSError on a taken port.
        """
        loop = asyncio.get_running_loop()
        for site in self._sites:
            server = await loop.create_server(site.connect, _HOST, site.config.port)
            self._servers.append(server)
            self.urls[site.config.name] = f"http://{_HOST}:{server.sockets[0].getsockname()[1]}"
        if self._state_dir is not None:
            draft = self._state_dir / "sandbox.json.new"
            draft.write_bytes(msgspec.json.encode({"clusters": self._described()}))
            draft.rename(self._state_dir / "sandbox.json")

    def _described(self) -> dict[str, dict[str, object]]:
        return {
            site.config.name: {
                "rest_url": self.urls[site.config.name],
                "rest_versions": REST_VERSIONS[site.config.release],
            }
            for site in self._sites
        }

    def stop(self) -> None:
        for server in self._servers:
            server.close()
        for site in self._sites:
            site.close()
        if self._state_dir is not None:
            (self._state_dir / "sandbox.json").unlink(missing_ok=True)


class SandboxServer:
    """The sandbox in a thread of this process, for tests: `with SandboxServer(config) as server`."""

    def __init__(self, config: SandboxConfig, state_dir: Path | None = None) -> None:
        self._sandbox = Sandbox(config, state_dir)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)

    @property
    def urls(self) -> dict[str, str]:
        """Base URL by cluster name."""
        return self._sandbox.urls

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._sandbox.start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _finish(self) -> None:
        self._sandbox.stop()
        # One turn of the loop, so that the reset connections are gone before it closes.
        await asyncio.sleep(0)
