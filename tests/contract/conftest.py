"""The same assertions on the sandbox and on real Slurm. Where they differ, real Slurm is right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab.state import LabDown

from .targets import SandboxTarget, Target, lab_target, sandbox_target

REAL_CLUSTER = "astrolabe-uet"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.contract)


@pytest.fixture(
    scope="session",
    params=["sandbox-v42", pytest.param("slurm-24.11", marks=pytest.mark.lab)],
)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    if request.param == "sandbox-v42":
        with sandbox_target(tmp_path_factory.mktemp("sandbox"), slurmdb_lag_s=0.5) as sandbox:
            yield sandbox
        return
    try:
        with lab_target(REAL_CLUSTER) as real:
            yield real
    except LabDown as error:
        pytest.skip(f"real Slurm is not up: {error}")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxTarget]:
    """A fresh sandbox of its own, for what only a sandbox can do."""
    with sandbox_target(tmp_path, slurmdb_lag_s=0.0) as made:
        yield made
