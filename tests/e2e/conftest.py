"""A browser and the whole portal under it.

The plugin's browser lives as long as the session, and its event loop with it, under which Django refuses
its database: here both end with this package.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from deploy.lab.state import Lab
from tests.e2e import journeys
from tests.e2e.portal import Portal, started

LAUNCH = {
    "args": [
        "--no-sandbox",  # it runs as root, and shows our own pages only
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
    ]
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--portal", metavar="DIR", help="use the portal that `make run` has running in DIR")
    parser.addoption("--screens", metavar="DIR", help="save a picture of every main page there")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--screens", default=None):
        items[:] = [item for item in items if "screens" not in item.fixturenames]
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), **LAUNCH)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def browser_context_args() -> dict:
    return {"locale": "en-GB"}


@contextmanager
def home() -> Iterator[Path]:
    """A short path that everybody may enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="tq-e2e-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="package")
def portal_run(request: pytest.FixtureRequest) -> Iterator[Portal]:
    """`make run`: every site is the sandbox."""
    if chosen := request.config.getoption("--portal", default=None):
        yield Portal.running_in(Path(chosen).absolute())
        return
    with home() as place, started(place) as portal:
        yield portal


@pytest.fixture(scope="package")
def portal_lab(lab: Lab) -> Iterator[Portal]:
    """`make run SLURM=lab`: the four sites are real clusters."""
    with home() as place, started(place, SLURM="lab", TAQSEEM_LAB_DIR=lab.directory) as portal:
        yield portal


@pytest.fixture(scope="package")
def sessions() -> dict[tuple[str, str], Any]:
    """Sign-ins of demo accounts, kept: the portal lets nobody sign in a hundred times a minute."""
    return {}


@pytest.fixture
def signed_in(new_context, sessions) -> Callable[..., Page]:
    """`signed_in(portal, "researcher")` is that demo account's page, in a browser of their own."""

    def sign_in(portal: Portal, login: str, **options) -> Page:
        key = (portal.address, login)
        if key not in sessions:
            page = new_context(base_url=portal.address).new_page()
            journeys.sign_in(page, login)
            sessions[key] = page.context.storage_state()
            page.context.close()
        return new_context(base_url=portal.address, storage_state=sessions[key], **options).new_page()

    return sign_in


@pytest.fixture(scope="session")
def screens(pytestconfig: pytest.Config) -> Path:
    directory = Path(pytestconfig.getoption("--screens")).expanduser()
    directory.mkdir(parents=True, exist_ok=True)
    return directory
