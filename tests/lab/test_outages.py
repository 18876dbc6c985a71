"""What breaks daemons, on a lab of its own with one cluster of each release: at size `full` only, for each
call to a slurmctld that is away takes 9 s. The sandbox says the same (tests/contract/test_sandbox.py)."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from deploy.lab.pytest_lab import run_lab
from deploy.lab.state import Lab
from tests.contract import outages
from tests.contract.targets import LabTarget

pytestmark = pytest.mark.skipif(
    os.environ.get("TAQSEEM_TEST_SIZE", "ci") != "full", reason="daemons are stopped at size full only"
)
CLUSTERS = {"22.05": "annex-old", "24.11": "annex"}


@pytest.fixture(scope="module")
def own_lab(lab_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("outages") / "lab"
    directory.parent.chmod(0o755)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TAQSEEM_LAB_DIR", str(directory))
        try:
            run_lab("up", *CLUSTERS.values())
            yield Lab.load(directory)
        finally:
            run_lab("down", "--purge")


@pytest.fixture(params=CLUSTERS)
def target(own_lab: Lab, request: pytest.FixtureRequest) -> LabTarget:
    return LabTarget(own_lab.cluster(CLUSTERS[request.param]))


@pytest.mark.parametrize("daemon", ["slurmctld", "slurmdbd"])
def test_a_daemon_that_is_away(target: LabTarget, daemon: str) -> None:
    account = target.new_account()
    run_lab("ctl", target.name, "stop", daemon)
    try:
        if daemon == "slurmdbd":
            assert target.submit(target.spec(account, "true")) > 0, "submissions need no slurmdbd"
        else:
            assert target.client.ping(target.token()).up is False
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda outage: outages.check(outage, target), outages.of(daemon).values()))
    finally:
        run_lab("ctl", target.name, "start", daemon)


def test_leaving_out_a_kind_of_tres_limit(target: LabTarget) -> None:
    """It kills the slurmrestd of 22.05; 24.11 lifts the limit."""
    account = target.new_account(gpu_minutes=9)
    row = {"cluster": target.name, "account": account, "user": None, "max": {"jobs": {}}}
    body = {"associations": [row]}
    if not target.is_old:
        assert target.call("POST", f"{target.slurmdb}/associations", body).status_code == 200
        stored = target.client.association(target.token(), target.name, account)
        assert stored is not None
        assert stored.limits.gpu_minutes is None
        return
    with pytest.raises(httpx.RemoteProtocolError):
        target.call("POST", f"{target.slurmdb}/associations", body)
    assert target.lab_cluster.daemons["slurmrestd"].state == "gone"
    run_lab("ctl", target.name, "start", "slurmrestd")
