"""A machine of the lab: one Slurm tree in mount, PID and UTS namespaces of its own.

The kernel keeps the promise to stop exactly what was started: when the first process of the PID namespace is
killed, every process in it goes, jobs that detached themselves included, and with the last one the mounts.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

from deploy.lab.state import LabError, LabMachine, Process
from deploy.lab.tree import NAMESPACES

INIT = Path(__file__).with_name("machine-init.sh")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def start_machine(release: str, tree: Path, run: Path) -> LabMachine:
    """An empty machine: namespaces, mounts, and a first process that outlives the calling shell."""
    unshare = subprocess.Popen(
        [*NAMESPACES, "--uts", str(INIT), str(tree), str(run)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert unshare.stdout
    assert unshare.stderr
    with unshare.stdout, unshare.stderr:
        pid = unshare.stdout.readline().strip()
        if not pid:
            reason = unshare.stderr.read().strip()
            raise LabError(f"no namespaces for Slurm {release} (the lab needs CAP_SYS_ADMIN): {reason}")
    return LabMachine(release=release, tree=str(tree), init=Process.of(int(pid)))


def stop_machine(machine: LabMachine) -> None:
    """Kill whatever still runs in the machine; its first process is gone only when all others are."""
    if machine.init.state == "gone":
        return
    unshare = machine.init.parent
    machine.init.signal(signal.SIGKILL)
    wait_for(
        lambda: machine.init.state == unshare.state == "gone",
        f"the processes of Slurm {machine.release} to end",
    )


def enter(machine: LabMachine) -> list[str]:
    """The start of a command line that runs inside the machine; empty in a container that is the machine."""
    if machine.tree == "/":
        return []
    return ["nsenter", "--target", str(machine.init.pid), "--mount", "--uts", "--pid", "--root", "--"]


def run_inside(
    machine: LabMachine,
    *command: str,
    input: str | None = None,
    check: bool = True,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command as root inside the machine. Raises LabError with its output when it fails."""
    settings = [f"{name}={value}" for name, value in ({"PATH": PATH} | (env or {})).items()]
    done = subprocess.run(
        [*enter(machine), "env", "-i", "--chdir=/", *settings, *command],
        input=input,
        capture_output=True,
        text=True,
    )
    if check and done.returncode:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done


def spawn_inside(machine: LabMachine, log: str, *command: str, env: dict[str, str]) -> Process:
    """Start a daemon as a child of the machine's first process; `log` (a path inside) takes its output."""
    script = 'log=$1; shift; setsid "$@" < /dev/null >> "$log" 2>&1 & echo $!'
    inside = int(run_inside(machine, "sh", "-c", script, "sh", log, *command, env=env).stdout)
    for process, pid_inside in _namespace(machine):
        if pid_inside == inside:
            return process
    said = run_inside(machine, "tail", "-n", "5", log, check=False).stdout.strip()
    raise LabError(f"{' '.join(command)} ended at once; {log} ends: {said}")


def processes(machine: LabMachine) -> Iterator[Process]:
    """Every living process of the machine except its first, jobs included."""
    return (process for process, pid_inside in _namespace(machine) if pid_inside != 1)


def _namespace(machine: LabMachine) -> Iterator[tuple[Process, int]]:
    """Each process of the PID namespace, with its PID in there."""
    if machine.init.state == "gone":
        return
    namespace = os.readlink(f"/proc/{machine.init.pid}/ns/pid")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(folder / "ns/pid") != namespace:
                continue
            status = (folder / "status").read_text()
            yield Process.of(int(folder.name)), int(status.partition("NSpid:")[2].split("\n")[0].split()[-1])
        except OSError:
            continue  # ended meanwhile, or not ours to look at


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float = 30) -> None:
    """Raises LabError when the condition has not come true within that time."""
    deadline = monotonic() + seconds
    while not condition():
        if monotonic() > deadline:
            raise LabError(f"waited {seconds:.0f} s in vain for {what}")
        sleep(0.05)
