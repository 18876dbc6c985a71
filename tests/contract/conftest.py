"""One set of assertions on the sandbox and on real Slurm, old and new. The real one is always right."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.lab.state import Lab

from .differences import Differences
from .targets import Release, SandboxTarget, Target, lab_target, sandbox_target

SANDBOXES: dict[str, Release] = {"sandbox-v38": "22.05", "sandbox-v42": "24.11"}
REAL_CLUSTERS = {"slurm-22.05": "higgs", "slurm-24.11": "astrolabe-uet"}
_differences = Differences()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.contract)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := _differences.lines():
        terminalreporter.section("where the Slurm releases differ")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(
    scope="session",
    params=[*SANDBOXES, *(pytest.param(name, marks=pytest.mark.lab) for name in REAL_CLUSTERS)],
)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    if release := SANDBOXES.get(request.param):
        with sandbox_target(tmp_path_factory.mktemp("sandbox"), release, slurmdb_lag_s=0.5) as sandbox:
            yield sandbox
        return
    lab: Lab = request.getfixturevalue("lab")
    with lab_target(lab.cluster(REAL_CLUSTERS[request.param])) as real:
        yield real


@pytest.fixture
def note(target: Target) -> Callable[[str, object], None]:
    """`note("question", answer)`: what this target said, for the table at the end."""
    return lambda question, answer: _differences.note(target.label, question, answer)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxTarget]:
    """A fresh sandbox of its own, for what only a sandbox can do."""
    with sandbox_target(tmp_path, slurmdb_lag_s=0.0) as made:
        yield made


@pytest.fixture
def old_sandbox(tmp_path: Path) -> Iterator[SandboxTarget]:
    """The same as Slurm 22.05."""
    with sandbox_target(tmp_path, "22.05", slurmdb_lag_s=0.0) as made:
        yield made


@pytest.fixture(params=["sandbox", "old_sandbox"])
def any_sandbox(request: pytest.FixtureRequest) -> SandboxTarget:
    found: SandboxTarget = request.getfixturevalue(request.param)
    return found
