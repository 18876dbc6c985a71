"""The daemons of the lab: started, asked whether they work, stopped."""

import json
import signal
import urllib.request

from deploy.lab.catalogue import RELEASES, ClusterSpec
from deploy.lab.machine import run_inside, spawn_inside, wait_for
from deploy.lab.state import LabCluster, LabError, LabMachine, Process

MACHINE_DAEMONS = ("munged", "mariadbd")
"""In the order in which they start."""
WORKING_NODE = {"idle", "mixed", "allocated", "completing"}


def start_machine_daemon(machine: LabMachine, name: str) -> None:
    """Start munged or mariadbd; answers are awaited by `machine_answers`."""
    directory = f"/lab/{machine.release}"
    machine.daemons[name] = spawn_inside(
        machine, f"{directory}/log/{name}.log", "/lab/slurm/daemon.sh", name, env={"MACHINE_DIR": directory}
    )


def start_cluster_daemon(machine: LabMachine, cluster: LabCluster, name: str) -> None:
    """Start one daemon of a cluster; answers are awaited by `daemon_answers`."""
    cluster.daemons[name] = spawn_inside(
        machine,
        f"/lab/{cluster.name}/log/{name}.log",
        "/lab/slurm/daemon.sh",
        name,
        env={
            "SLURM_CONF": cluster.slurm_conf_inside,
            "SLURMRESTD_LISTEN": cluster.rest_url.removeprefix("http://"),
            "SLURMRESTD_OPTIONS": RELEASES[cluster.release].restd_options,
        },
    )


def stop_daemon(process: Process, name: str, number: int = signal.SIGTERM) -> None:
    """Ask a daemon to end (a paused one too) and wait; kill it when it will not within ten seconds."""
    process.signal(number)
    process.signal(signal.SIGCONT)
    try:
        wait_for(lambda: process.state == "gone", f"{name} to end", seconds=10)
    except LabError:
        process.signal(signal.SIGKILL)
        wait_for(lambda: process.state == "gone", f"{name} to be killed", seconds=10)


def machine_answers(machine: LabMachine, name: str) -> bool:
    """Whether munged signs or mariadbd takes queries."""
    question = {"munged": ("munge", "-n"), "mariadbd": ("mariadb", "-e", "SELECT 1")}[name]
    return run_inside(machine, *question, check=False).returncode == 0


def daemon_answers(cluster: LabCluster, name: str) -> bool:
    """Whether a cluster's daemon does its work: slurmd counts as working once its node takes jobs."""
    if name == "slurmdbd":
        return not cluster.command("sacctmgr", "-n", "show", "cluster", check=False).returncode
    if name == "slurmctld":
        return "is UP" in cluster.command("scontrol", "ping", check=False).stdout
    if name == "slurmrestd":
        return _rest_answers(cluster)
    node = name.removeprefix("slurmd-")
    shown = cluster.command("sinfo", "-h", "-n", node, "-o", "%T", check=False).stdout.strip()
    return shown in WORKING_NODE


def register(cluster: LabCluster) -> None:
    """Make the cluster and its operator known to slurmdbd; nothing changes when they are."""
    if (
        cluster.name
        not in cluster.command("sacctmgr", "-nP", "show", "cluster", "format=cluster").stdout.split()
    ):
        cluster.command("sacctmgr", "-i", "add", "cluster", cluster.name)
    if (
        cluster.operator
        not in cluster.command("sacctmgr", "-nP", "show", "user", "format=user").stdout.split()
    ):
        operator = ("user", cluster.operator, "account=root", "adminlevel=Administrator")
        cluster.command("sacctmgr", "-i", "add", *operator)


def create_database(machine: LabMachine, spec: ClusterSpec) -> None:
    """The cluster's own database, reached by slurmdbd through the socket as its Linux user."""
    statements = f"""
        CREATE DATABASE IF NOT EXISTS {spec.database};
        CREATE USER IF NOT EXISTS slurm@localhost IDENTIFIED VIA unix_socket;
        GRANT ALL ON {spec.database}.* TO slurm@localhost;
    """
    run_inside(machine, "mariadb", input=statements)


def _rest_answers(cluster: LabCluster) -> bool:
    request = urllib.request.Request(
        f"{cluster.rest_url}/{RELEASES[cluster.release].ping}",
        headers={"X-SLURM-USER-NAME": "root", "X-SLURM-USER-TOKEN": cluster.token("root")},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            pings = json.load(answer)["pings"]
    except (OSError, ValueError):
        return False
    return any("UP" in (ping.get("pinged"), ping.get("ping")) for ping in pings)
