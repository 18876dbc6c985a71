import os
import shutil
from collections.abc import Iterator

import pytest

from scheduler_bridge.slurm_rest_client import RS256Signer
from tests.site.stage import FILES, USERS, Authority, Behind, Proxy, Site, new_key, run


def demand(program: str) -> None:
    """Skips without this program; under CI=true leaving it out is a failure."""
    if not shutil.which(program):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no {program}")


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    demand("haproxy")
    return Authority(tmp_path_factory.mktemp("site") / "authority")


@pytest.fixture(scope="session")
def make_site(authority, tmp_path_factory):
    """A site that knows the public half of this key."""

    def make(key: bytes) -> Site:
        folder = tmp_path_factory.mktemp("site") / "taqseem-proxy"
        folder.mkdir()
        signer = RS256Signer(key)
        shutil.copy(authority.ca, folder)
        shutil.copy(authority.server("localhost"), folder)
        (folder / "current.pem").write_bytes(signer.public_pem())
        (folder / "users.map").write_text("".join(f"{user} {role}\n" for user, role in USERS.items()))
        run(FILES / "install.sh", folder)
        return Site(authority, signer, folder, authority.portal())

    return make


@pytest.fixture(scope="session")
def site(make_site) -> Site:
    return make_site(new_key())


@pytest.fixture(scope="session")
def _behind() -> Iterator[Behind]:
    server = Behind()
    yield server
    server.close()


@pytest.fixture
def behind(_behind) -> Behind:
    _behind.calls.clear()
    _behind.hangs_up = False
    return _behind


@pytest.fixture(scope="session")
def _proxy(site, _behind) -> Iterator[Proxy]:
    with site.proxy(_behind.address) as running:
        yield running


@pytest.fixture
def proxy(_proxy, behind) -> Proxy:
    """The proxy as shipped, before a server that says yes to all."""
    return _proxy


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other") / "authority")
