#!/usr/bin/env python3
"""Real Slurm clusters on this machine: lab.py up | down | status | ctl (docs/lab.md)."""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[2]))

from deploy.lab import daemons, files
from deploy.lab.catalogue import CLUSTERS, RELEASES
from deploy.lab.machine import start_machine, stop_machine, wait_for
from deploy.lab.state import Lab, LabCluster, LabDown, LabError, LabMachine, Process, run_directory
from deploy.lab.tree import ensure_tree, remove_tree, undisturbed

ACTIONS = ("start", "stop", "kill", "pause", "resume", "restart")


def up(names: list[str]) -> None:
    """Bring these clusters up, starting only what is missing. Whatever was begun goes again when it fails."""
    _require_root()
    run = run_directory()
    with _locked(run):
        lab = _load_or_new(run)
        wanted = [CLUSTERS[name] for name in dict.fromkeys([*lab.clusters, *names])]
        if lab.ready and set(lab.clusters) == {spec.name for spec in wanted} and not _ailing(lab):
            print(f"lab: already up in {run}, every daemon answers")
            _print_addresses(lab)
            return
        try:
            lab.ready = False
            for release in dict.fromkeys(spec.release for spec in wanted):
                raise_machine(lab, run, release)
            raise_clusters(lab, run, [spec.name for spec in wanted])
            lab.ready = True
            lab.save()
        except BaseException:
            with undisturbed():
                _stop(lab)
            raise
        _print_addresses(lab)


def down(*, purge: bool = False) -> None:
    """Stop the lab of the run directory; accounting and keys stay for the next start unless purged."""
    _require_root()
    run = run_directory()
    if not run.exists():
        print(f"lab: nothing in {run}")
        return
    with _locked(run):
        try:
            lab = Lab.load(run)
        except LabDown:
            print(f"lab: not up in {run}")
        else:
            _stop(lab)
            print(f"lab: stopped in {run}")
        if purge:
            remove_tree(run)


def status() -> int:
    """Print each daemon's state; 0 when all answer."""
    lab = Lab.load()
    ailing = _ailing(lab)
    started = {f"Slurm {release}": machine.daemons for release, machine in lab.machines.items()}
    started |= {name: cluster.daemons for name, cluster in lab.clusters.items()}
    for label, processes in started.items():
        for name, process in processes.items():
            note = (
                "does not answer" if (label, name) in ailing and process.state == "running" else process.state
            )
            print(f"{label:16} {name:16} {process.pid:>8}  {note}")
    _print_addresses(lab)
    return 1 if ailing or not lab.ready else 0


def control(cluster_name: str, action: str, daemon: str) -> None:
    """Make one daemon of a cluster fail, or bring it back; returns once it has happened."""
    _require_root()
    run = run_directory()
    with _locked(run):
        lab = Lab.load(run)
        cluster = lab.cluster(cluster_name)
        machine = lab.machines[cluster.release]
        if daemon not in cluster.daemons:
            raise LabError(f"{cluster_name} has no {daemon}; it has {', '.join(cluster.daemons)}")
        process = cluster.daemons[daemon]
        if action in {"pause", "resume"}:
            if process.state == "gone":
                raise LabError(f"{daemon} of {cluster_name} does not run")
            process.signal(signal.SIGSTOP if action == "pause" else signal.SIGCONT)
            aim = "paused" if action == "pause" else "running"
            wait_for(lambda: process.state == aim, f"{daemon} to be {aim}")
        if action in {"stop", "kill", "restart"}:
            daemons.stop_daemon(process, daemon, signal.SIGKILL if action == "kill" else signal.SIGTERM)
        if action in {"start", "restart"} and cluster.daemons[daemon].state == "gone":
            daemons.start_cluster_daemon(machine, cluster, daemon)
            lab.save()
            _await_daemons(cluster, [daemon])
            if daemon == "slurmctld":  # it has to hear of its nodes anew
                nodes = _of_kind(cluster_name, "slurmd")
                _await_daemons(cluster, [name for name in nodes if _runs(cluster.daemons.get(name))])


def raise_machine(lab: Lab, run: Path, release: str) -> None:
    """The machine of one release with munged and mariadbd answering."""
    machine = lab.machines.get(release)
    if machine is None or machine.init.state == "gone":
        tree = ensure_tree(RELEASES[release])
        files.prepare_run_directory(run)
        for name in [one.name for one in lab.clusters.values() if one.release == release]:
            del lab.clusters[name]  # its processes went with the machine
        with undisturbed():  # no machine without a record
            machine = lab.machines[release] = start_machine(release, tree, run)
            lab.save()
        files.prepare_machine(run, machine)
    for name in daemons.MACHINE_DAEMONS:
        if _needs_start(machine.daemons.get(name)):
            daemons.start_machine_daemon(machine, name)
            lab.save()
    for name in daemons.MACHINE_DAEMONS:
        _await_machine_daemon(lab, machine, name)


def _await_machine_daemon(lab: Lab, machine: LabMachine, name: str) -> None:
    """Wait until it answers; one that ended meanwhile is started once more."""

    def answers_or_ended() -> bool:
        return machine.daemons[name].state == "gone" or daemons.machine_answers(machine, name)

    wait_for(answers_or_ended, f"{name} of Slurm {machine.release}", seconds=60)
    if machine.daemons[name].state == "gone":
        daemons.start_machine_daemon(machine, name)
        lab.save()
        wait_for(
            partial(daemons.machine_answers, machine, name), f"{name} of Slurm {machine.release}", seconds=60
        )


def raise_clusters(lab: Lab, run: Path, names: list[str]) -> None:
    """Start daemon by daemon, all clusters at once: each start needs the ones before it."""
    for name in names:
        machine = lab.machines[CLUSTERS[name].release]
        if name not in lab.clusters:
            lab.clusters[name] = files.prepare_cluster(run, machine, CLUSTERS[name])
            daemons.create_database(machine, CLUSTERS[name])
    lab.save()
    _start_daemons(lab, names, "slurmdbd")
    for name in names:
        daemons.register(lab.clusters[name])
    for kind in ("slurmctld", "slurmd", "slurmrestd"):
        _start_daemons(lab, names, kind)


def _start_daemons(lab: Lab, names: list[str], kind: str) -> None:
    for name in names:
        cluster, machine = lab.clusters[name], lab.machines[CLUSTERS[name].release]
        for daemon in _of_kind(name, kind):
            if _needs_start(cluster.daemons.get(daemon)):
                daemons.start_cluster_daemon(machine, cluster, daemon)
                lab.save()
    for name in names:
        _await_daemons(lab.clusters[name], _of_kind(name, kind))


def _await_daemons(cluster: LabCluster, names: list[str]) -> None:
    """Wait until they work; one that ended or never answers is reported with the end of its log."""
    for name in names:
        try:
            wait_for(partial(_works, cluster, name), f"{name} of {cluster.name}")
        except LabError as error:
            log = Path(cluster.directory, "log", f"{name}.log")
            tail = log.read_text(errors="replace").splitlines()[-10:]
            raise LabError("\n".join([f"{error}. {log} ends:", *tail])) from error


def _works(cluster: LabCluster, name: str) -> bool:
    if cluster.daemons[name].state == "gone":
        raise LabError(f"{name} of {cluster.name} ended")
    return daemons.daemon_answers(cluster, name)


def _of_kind(cluster: str, kind: str) -> list[str]:
    return [daemon for daemon in CLUSTERS[cluster].daemons if daemon.partition("-")[0] == kind]


def _needs_start(process: Process | None) -> bool:
    """Whether a daemon is to be started; a paused one is woken instead."""
    if process is None or process.state == "gone":
        return True
    process.signal(signal.SIGCONT)
    return False


def _ailing(lab: Lab) -> set[tuple[str, str]]:
    """(owner, daemon) of all that are gone, paused or do not answer."""
    found = set()
    for release, machine in lab.machines.items():
        for name in daemons.MACHINE_DAEMONS:
            if not (_runs(machine.daemons.get(name)) and daemons.machine_answers(machine, name)):
                found.add((f"Slurm {release}", name))
    for cluster in lab.clusters.values():
        for name in CLUSTERS[cluster.name].daemons:
            # Without slurmctld every question waits in vain for many seconds.
            answerable = name == "slurmdbd" or (cluster.name, "slurmctld") not in found
            runs = _runs(cluster.daemons.get(name))
            if not runs or (answerable and not daemons.daemon_answers(cluster, name)):
                found.add((cluster.name, name))
    return found


def _runs(process: Process | None) -> bool:
    return process is not None and process.state == "running"


def _stop(lab: Lab) -> None:
    """Daemons in reverse order, each with time to write its state, then whatever is left; then the traces."""
    for cluster in lab.clusters.values():
        if _runs(cluster.daemons.get("slurmctld")):
            cluster.command("scancel", f"--partition={cluster.partition}", check=False)
    started = [owner.daemons for owner in lab.clusters.values()] + [
        owner.daemons for owner in lab.machines.values()
    ]
    for name, process in (pair for each in started for pair in reversed(each.items())):
        daemons.stop_daemon(process, name)
    for machine in lab.machines.values():
        stop_machine(machine)
    run = Path(lab.directory)
    (run / "lab.json").unlink(missing_ok=True)
    if (run / "bin").exists():
        shutil.rmtree(run / "bin")


def _load_or_new(run: Path) -> Lab:
    try:
        return Lab.load(run)
    except LabDown:
        return Lab(directory=str(run))


def _print_addresses(lab: Lab) -> None:
    for cluster in lab.clusters.values():
        print(
            f"lab: {cluster.name:16} Slurm {cluster.release}  {cluster.rest_url}  commands in {cluster.bin}"
        )
    print(f"lab: described in {lab.directory}/lab.json")


@contextmanager
def _locked(run: Path) -> Iterator[None]:
    """One start, stop or fault at a time per run directory."""
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = os.open(run, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab needs root (namespaces, device files, users): run it with sudo")
    if not shutil.which("apt-get"):
        raise LabError("the lab builds on Debian or Ubuntu only: there is no apt-get here")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    starting = verbs.add_parser("up", help="start what is missing; says so when all is up")
    starting.add_argument(
        "clusters", nargs="*", choices=[[], *CLUSTERS], help="default: all but the spare ones"
    )
    stopping = verbs.add_parser("down", help="stop what up started")
    stopping.add_argument("--purge", action="store_true", help="remove accounting, keys and logs as well")
    verbs.add_parser("status", help="each daemon's state; exit code 0 when all answer")
    faults = verbs.add_parser("ctl", help="stop, kill, pause … one daemon")
    faults.add_argument("cluster", choices=CLUSTERS)
    faults.add_argument("action", choices=ACTIONS)
    faults.add_argument("daemon", help="slurmctld, slurmdbd, slurmrestd or slurmd-NODE")
    arguments = parser.parse_args()
    os.umask(0o022)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        match arguments.verb:
            case "up":
                up(arguments.clusters or [name for name, spec in CLUSTERS.items() if not spec.is_spare])
            case "down":
                down(purge=arguments.purge)
            case "status":
                return status()
            case "ctl":
                control(arguments.cluster, arguments.action, arguments.daemon)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"lab: {' '.join(error.cmd)} failed: {error.stderr or error.stdout}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        print(f"lab: {arguments.verb} was interrupted ({error})", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
