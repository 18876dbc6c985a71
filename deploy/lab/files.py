"""What the lab writes before anything starts: folders, keys, ports, configuration, command wrappers."""

import base64
import hashlib
import json
import os
import random
import secrets
import shutil
import socket
import stat
import subprocess
from pathlib import Path
from string import Template

from deploy.lab.catalogue import (
    GPUS_PER_NODE,
    JOB_USERS,
    OPERATOR,
    PARTITION,
    RELEASES,
    SERVICE_USERS,
    SETTINGS,
    USERS,
    ClusterSpec,
)
from deploy.lab.machine import PATH, enter
from deploy.lab.state import LabCluster, LabMachine

SLURM = Path(__file__).parents[1] / "slurm"
CLUSTER_TEMPLATES = ("slurm.conf", "slurmdbd.conf", "gres.conf", "cgroup.conf")
COMMANDS = (
    "sacct",
    "sacctmgr",
    "sbatch",
    "scancel",
    "scontrol",
    "sinfo",
    "squeue",
    "sreport",
    "srun",
    "sshare",
)


def prepare_run_directory(run: Path) -> None:
    """Folders that every machine mounts, and a copy of the start scripts (the checkout may move)."""
    for folder in (run, run / "home", run / "slurm", run / "bin"):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    shutil.copy(SLURM / "daemon.sh", run / "slurm")
    for user, uid in USERS.items():
        home = run / "home" / user
        home.mkdir(mode=0o755, exist_ok=True)
        os.chown(home, uid, uid)


def prepare_machine(run: Path, machine: LabMachine) -> None:
    """Keys and configuration of munged and mariadbd."""
    directory = run / machine.release
    for folder in (directory, directory / "log"):
        folder.mkdir(mode=0o755, exist_ok=True)
    os.chmod(directory / "log", 0o1777)
    _write_secret(directory / "munge.key", 128, SERVICE_USERS["munge"])
    _render("mariadb.cnf", directory, {"directory": f"/lab/{machine.release}"})


def prepare_cluster(run: Path, machine: LabMachine, spec: ClusterSpec) -> LabCluster:
    """Folders, keys, ports, configuration and command wrappers of one cluster."""
    release, directory, inside = RELEASES[spec.release], run / spec.name, f"/lab/{spec.name}"
    slurm = SERVICE_USERS["slurm"]
    for folder in (directory, directory / "log", directory / "state", directory / "spool", directory / "dev"):
        folder.mkdir(mode=0o755, exist_ok=True)
        os.chown(folder, slurm, slurm)
    for number in range(GPUS_PER_NODE):
        if not (device := directory / "dev" / f"gpu{number}").exists():
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    _write_secret(directory / "jwt_hs256.key", 32, slurm)
    has_rs256 = _write_rs256(directory)
    ports = _ports(directory / "ports.json", spec)
    settings = SETTINGS | release.settings | spec.settings
    settings["tracked"] = Template(settings["tracked"]).substitute(gpu=spec.gpu)
    values = settings | {
        "cluster": spec.name,
        "directory": inside,
        "database": spec.database,
        "jwks": f",jwks={inside}/jwks.json" if has_rs256 else "",
        "gpu": spec.gpu,
        "last_gpu": str(GPUS_PER_NODE - 1),
        "partition": PARTITION,
        "slurmctld_port": str(ports["slurmctld"]),
        "slurmdbd_port": str(ports["slurmdbd"]),
        "nodes": "\n".join(_node_line(spec, node, ports[f"slurmd-{node}"]) for node in spec.nodes),
    }
    for template in CLUSTER_TEMPLATES:
        _render(template, directory, values)
    os.chmod(directory / "slurmdbd.conf", 0o600)
    os.chown(directory / "slurmdbd.conf", slurm, slurm)
    return LabCluster(
        name=spec.name,
        release=spec.release,
        directory=str(directory),
        rest_url=f"http://127.0.0.1:{ports['slurmrestd']}",
        rest_versions=list(release.rest_versions),
        slurm_conf=str(directory / "slurm.conf"),
        slurm_conf_inside=f"{inside}/slurm.conf",
        jwt_key=str(directory / "jwt_hs256.key"),
        rs256_key=str(directory / "rs256.pem") if has_rs256 else "",
        bin=str(_write_commands(run, machine, spec)),
        partition=PARTITION,
        gpu=spec.gpu,
        gpus_per_node=GPUS_PER_NODE,
        nodes=list(spec.nodes),
        operator=OPERATOR,
        users=list(JOB_USERS),
        homes=str(run / "home"),
    )


def _node_line(spec: ClusterSpec, node: str, port: int) -> str:
    return (
        f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=64 Sockets=2"
        f" CoresPerSocket=32 RealMemory=500000 Gres=gpu:{spec.gpu}:{GPUS_PER_NODE} State=UNKNOWN"
    )


def _render(template: str, directory: Path, values: dict[str, str]) -> None:
    text = Template((SLURM / "templates" / template).read_text()).substitute(values)
    (directory / template).write_text(text)


def _write_secret(path: Path, length: int, owner: int) -> None:
    """Random bytes that only their owner can read, made once."""
    if not path.exists():
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_bytes(length))
    os.chown(path, owner, owner)


def _write_rs256(directory: Path) -> bool:
    """A portal's private key in rs256.pem, made once, its public half in jwks.json; False without openssl."""
    key = directory / "rs256.pem"
    if not key.exists():
        if not shutil.which("openssl"):
            return False
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    shown = subprocess.run(
        ["openssl", "rsa", "-in", key, "-noout", "-modulus"], check=True, capture_output=True, text=True
    )
    modulus = _base64url(bytes.fromhex(shown.stdout.strip().removeprefix("Modulus=")))
    # The key id is the key's thumbprint (RFC 7638), as the portal's signer has it.
    public = {"e": "AQAB", "kty": "RSA", "n": modulus}
    kid = _base64url(hashlib.sha256(json.dumps(public, separators=(",", ":")).encode()).digest())
    jwk = public | {"alg": "RS256", "kid": kid, "use": "sig"}
    (directory / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    return True


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _ports(path: Path, spec: ClusterSpec) -> dict[str, int]:
    """The ports of last time where they are free, so that addresses stay; else others.

    Below the ephemeral range, lest an outgoing connection sit on one while its daemon is down.
    """
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    if set(known) != set(spec.daemons) or not all(map(_free, known.values())):
        candidates = (port for port in random.sample(range(20000, 32000), 2000) if _free(port))
        known = {daemon: next(candidates) for daemon in spec.daemons}
        path.write_text(json.dumps(known))
    return known


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_commands(run: Path, machine: LabMachine, spec: ClusterSpec) -> Path:
    """Slurm's commands as scripts on the host; they refuse once the machine that they enter has gone."""
    folder = run / "bin" / spec.name
    folder.mkdir(parents=True, exist_ok=True)
    run_as = f"""#!/bin/sh
# run-as USER COMMAND [ARGUMENT...]: inside {spec.name}, in that user's home, with a clean environment
started=$(cut -d' ' -f22 /proc/{machine.init.pid}/stat 2> /dev/null) || started=
[ "$started" = {machine.init.started} ] || {{ echo "the lab in {run} is down: make lab-up" >&2; exit 69; }}
user=$1; shift
[ "$user" = root ] && home=/root || home=/home/$user
exec {" ".join(enter(machine))} env -i --chdir="$home" PATH={PATH} HOME="$home" \\
    USER="$user" LOGNAME="$user" SHELL=/bin/bash LANG=C.UTF-8 SLURM_CONF=/lab/{spec.name}/slurm.conf \\
    setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
"""
    scripts = {"run-as": run_as} | {
        name: f'#!/bin/sh\nexec "$(dirname "$0")/run-as" root {name} "$@"\n' for name in COMMANDS
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder
