"""The clusters as the portal meets them: through slurmrestd, with Slurm's own commands as the witness."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab.catalogue import CLUSTERS
from deploy.lab.state import Lab, LabCluster

from .rest import OLD, call, submit, version, wait_until

USER = "tqresearcher"
STANDARD = [name for name, spec in CLUSTERS.items() if not spec.is_spare]
# For what takes long: one cluster of each release.
EACH_RELEASE = {CLUSTERS[name].release: name for name in STANDARD}


@pytest.fixture(params=STANDARD)
def cluster(lab: Lab, request: pytest.FixtureRequest) -> LabCluster:
    return lab.cluster(request.param)


@pytest.fixture(params=EACH_RELEASE.values(), ids=EACH_RELEASE)
def of_release(lab: Lab, request: pytest.FixtureRequest) -> LabCluster:
    return lab.cluster(request.param)


@pytest.fixture
def slurm_account(of_release: LabCluster) -> Iterator[str]:
    """A Slurm account of this test alone, with the researcher in it."""
    cluster = of_release
    name = f"labtest{secrets.token_hex(4)}"
    cluster.command("sacctmgr", "-i", "add", "account", name, f"cluster={cluster.name}")
    cluster.command("sacctmgr", "-i", "add", "user", USER, f"account={name}")
    yield name
    cluster.command("scancel", "--account", name)


def state(cluster: LabCluster, job: int) -> str:
    """State and reason, as squeue has them; empty once the job has left the queue."""
    return cluster.command("squeue", "-h", "-j", str(job), "-o", "%T %r", check=False).stdout.strip()


def accounted(cluster: LabCluster, job: int) -> list[str]:
    """State, user and TRES of a job in the accounting; empty while it is not there."""
    shown = cluster.command("sacct", "-nPX", "-j", str(job), "-o", "state,user,alloctres").stdout.strip()
    return shown.split("|") if shown else []


def test_every_node_takes_jobs_and_carries_eight_gpus(cluster: LabCluster):
    shown = cluster.command("sinfo", "-h", "-N", "-O", "NodeList:20,StateLong:20,Gres:40").stdout
    nodes = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert set(nodes) == set(cluster.nodes)
    for node_state, gres in nodes.values():
        assert node_state in {"idle", "mixed", "allocated", "completing"}
        assert gres.startswith(f"gpu:{cluster.gpu}:8")


def test_a_job_sent_with_a_token_of_our_own_runs_on_gpus_and_is_accounted(
    of_release: LabCluster, slurm_account: str
):
    cluster = of_release
    script = "#!/bin/sh\necho $CUDA_VISIBLE_DEVICES $(id -un) > $SLURM_JOB_ID.seen\n"
    job = submit(cluster, slurm_account, user=USER, gpus=2, minutes=5, script=script)

    wait_until(lambda: accounted(cluster, job)[:1] == ["COMPLETED"])

    _, user, tres = accounted(cluster, job)
    assert user == USER
    assert "gres/gpu=2" in tres.split(",")
    assert f"gres/gpu:{cluster.gpu}=2" in tres.split(",")
    devices, ran_as = (Path(cluster.homes) / USER / f"{job}.seen").read_text().split()
    assert len(devices.split(",")) == 2
    assert ran_as == USER


def test_a_job_over_the_budget_waits_and_a_raised_budget_starts_it(
    of_release: LabCluster, slurm_account: str
):
    cluster = of_release

    def limit(minutes: int) -> None:
        cluster.command(
            "sacctmgr", "-i", "modify", "account", slurm_account, "set", f"GrpTRESMins=gres/gpu={minutes}"
        )

    limit(10)
    job = submit(cluster, slurm_account, user=USER, gpus=2, minutes=10, script="#!/bin/sh\nsleep 60\n")
    wait_until(lambda: state(cluster, job) == "PENDING AssocGrpGRESMinutes")

    limit(20)
    wait_until(lambda: state(cluster, job).startswith("RUNNING"))
    cluster.command("scancel", str(job))


def test_a_token_signed_with_another_key_is_refused(lab: Lab, cluster: LabCluster):
    other = next(one for one in lab.clusters.values() if one.name != cluster.name)
    path = "slurm/{}/jobs/"
    assert call(cluster, path, token=cluster.token(USER), user=USER)[0] == 200
    refused = 500 if version(cluster) == OLD else 511
    assert call(cluster, path, token=other.token(USER), user=USER)[0] == refused


def test_the_operator_may_write_to_slurmdb_and_a_researcher_may_not(of_release: LabCluster):
    cluster = of_release
    name = f"labtest{secrets.token_hex(4)}"
    body = {"accounts": [{"name": name, "description": "lab test", "organization": "lab"}]}
    path = "slurmdb/{}/accounts/"

    refused, _ = call(cluster, path, body, token=cluster.token(USER), user=USER)
    accepted, answer = call(cluster, path, body, token=cluster.token(cluster.operator), user=cluster.operator)

    assert refused >= 400
    assert (accepted, answer["errors"]) == (200, [])
    shown = cluster.command("sacctmgr", "-nP", "show", "account", name, "format=account").stdout
    assert shown.strip() == name


def test_usage_never_decays_and_limits_are_enforced(cluster: LabCluster):
    lines = (
        line.partition("=") for line in cluster.command("scontrol", "show", "config").stdout.splitlines()
    )
    settings = {name.strip(): value.strip() for name, _, value in lines}
    assert settings["ClusterName"] == cluster.name
    assert settings["PriorityDecayHalfLife"] == "00:00:00"
    assert settings["PriorityUsageResetPeriod"] == "NONE"
    assert set(settings["AccountingStorageEnforce"].split(",")) == {"associations", "limits", "qos", "safe"}
    assert "gres/gpu" in settings["AccountingStorageTRES"].split(",")


def test_nothing_listens_beyond_loopback(lab: Lab):
    owners = [*lab.clusters.values(), *lab.machines.values()]
    daemons = [process for owner in owners for process in owner.daemons.values()]
    ours = {socket for process in daemons for socket in sockets(process.pid)}
    listening = {
        fields[9]: fields[1].partition(":")[0]
        for table in ("tcp", "tcp6")
        for fields in (line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:])
        if fields[3] == "0A"
    }
    addresses = [address for socket, address in listening.items() if socket in ours]
    assert len(addresses) == 5 * len(lab.clusters)
    assert set(addresses) == {"0100007F"}


def sockets(pid: int) -> list[str]:
    """Inodes of the sockets that a process holds."""
    targets = (str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    return [target[8:-1] for target in targets if target.startswith("socket:[")]
