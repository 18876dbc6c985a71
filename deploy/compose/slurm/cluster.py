"""One cluster of the lab as a container: `cluster NAME` renders its files, starts its daemons, watches them.

The container is what the lab calls a machine, with one cluster in it. When a daemon ends the container does,
and its restart policy starts all of it again; accounting, keys and queues stay in the volume /lab.
`python3 -m deploy.lab.lab status` tells how it is.
"""

import json
import os
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

from deploy.lab import daemons, files
from deploy.lab.catalogue import CLUSTERS, ClusterSpec
from deploy.lab.lab import raise_clusters, raise_machine
from deploy.lab.state import Lab, LabCluster, LabError, LabMachine, Process, run_directory

SECRETS = Path(os.environ.get("TAQSEEM_SECRETS", "/run/secrets"))
FIRST_PORT = 6817
REST_PORT = 6820
WATCH_SECONDS = 2


def ports(spec: ClusterSpec) -> dict[str, int]:
    """The same in each container: slurmrestd on 6820, the others, heard inside only, around it."""
    others = (port for port in range(FIRST_PORT, FIRST_PORT + 20) if port != REST_PORT)
    return {
        daemon: REST_PORT if daemon == "slurmrestd" else next(others)
        for daemon in ("slurmctld", *(name for name in spec.daemons if name != "slurmctld"))
    }


def name_ourselves(hosts: Path = Path("/etc/hosts")) -> None:
    """The daemons listen where their own name leads, which is to be the loopback, as in the lab."""
    line = f"127.0.0.1 {socket.gethostname()}\n"
    known = hosts.read_text()
    if not known.startswith(line):
        hosts.write_text(line + known)


def prepare(run: Path, spec: ClusterSpec) -> Lab:
    """Everything that is written before a daemon starts: the lab's files, this cluster's key and ports."""
    machine = LabMachine(release=spec.release, tree="/", init=Process.of(os.getpid()))
    lab = Lab(directory=str(run), machines={spec.release: machine})
    files.prepare_run_directory(run)
    files.prepare_machine(run, machine)
    directory = run / spec.name
    directory.mkdir(exist_ok=True)
    shutil.rmtree(directory / "log", ignore_errors=True)
    (directory / "ports.json").write_text(json.dumps(ports(spec)))
    (directory / "jwt_hs256.key").write_bytes((SECRETS / f"slurm_{spec.name}").read_bytes())
    (directory / "jwt_hs256.key").chmod(0o600)
    cluster = lab.clusters[spec.name] = files.prepare_cluster(run, machine, spec)
    # The portal reaches it from its own container; no port of it is published.
    cluster.rest_url = f"http://0.0.0.0:{REST_PORT}"
    lab.save()
    return lab


def start(lab: Lab, spec: ClusterSpec) -> None:
    """Start daemon after daemon, each once those before it answer. Raises LabError with the end of a log."""
    run = Path(lab.directory)
    raise_machine(lab, run, spec.release)
    daemons.create_database(lab.machines[spec.release], spec)
    raise_clusters(lab, run, [spec.name])
    lab.ready = True
    lab.save()


def watch(lab: Lab, told_to_stop: threading.Event) -> str:
    """Wait until told to stop; the name of a daemon that has ended before, if one has."""
    while not told_to_stop.wait(WATCH_SECONDS):
        for owner in _owners(lab):
            for name, process in owner.daemons.items():
                if process.state == "gone":
                    return name
    return ""


def stop(lab: Lab) -> None:
    """The last started first, each with time to write its state."""
    for owner in _owners(lab):
        for name, process in reversed(owner.daemons.items()):
            daemons.stop_daemon(process, name)


def _owners(lab: Lab) -> list[LabCluster | LabMachine]:
    """Whoever has daemons, those of the cluster first."""
    return [*lab.clusters.values(), *lab.machines.values()]


def main() -> int:
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    spec = CLUSTERS[sys.argv[1]]
    name_ourselves()
    lab = prepare(run_directory(), spec)
    try:
        start(lab, spec)
        print(f"{spec.name}: Slurm {spec.release} is up, slurmrestd on port {REST_PORT}", flush=True)
        if ended := watch(lab, told_to_stop):
            raise LabError(f"{ended} ended; its log is below {lab.directory}")
    except LabError as error:
        print(f"{spec.name}: {error}", file=sys.stderr)
        return 1
    finally:
        stop(lab)
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
