"""The demonstration nation as a stage: its sites on real Slurm or on the sandbox, each with a budget."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from deploy.lab.state import Lab, LabCluster
from deploy.local import processes
from deploy.local.places import CHECKOUT

if TYPE_CHECKING:
    from allocations.awards.models import Allocation
    from scheduler_bridge.models import Job

# A lab of its own: one that is up for other purposes has jobs in its queue.
LAB_DIRECTORY = "/var/lib/taqseem-bench-lab"
SCRIPT = "#!/bin/bash\nsleep 600\n"
GPU_HOURS = 2_000


@contextmanager
def lab_cluster(name: str) -> Iterator[LabCluster]:
    """One real cluster, up while the block runs, of which `seed` is told."""
    environment = os.environ | {"TAQSEEM_LAB_DIR": LAB_DIRECTORY}
    lab = [sys.executable, "-m", "deploy.lab.lab"]
    # The figures alone go to standard output.
    subprocess.run([*lab, "up", name], cwd=CHECKOUT, env=environment, stdout=sys.stderr, check=True)
    try:
        os.environ["TAQSEEM_LAB_STATE"] = f"{LAB_DIRECTORY}/lab.json"
        yield Lab.load(Path(LAB_DIRECTORY)).cluster(name)
    finally:
        os.environ.pop("TAQSEEM_LAB_STATE", None)
        subprocess.run(
            [*lab, "down", "--purge"], cwd=CHECKOUT, env=environment, stdout=sys.stderr, check=False
        )


@contextmanager
def sandbox_sites() -> Iterator[None]:
    """The four sites of `make run`, in a process of their own, at true speed."""
    with tempfile.TemporaryDirectory() as scratch:
        state = Path(scratch)
        config = json.loads((CHECKOUT / "deploy" / "local" / "sandbox.json").read_text()) | {"speed": 1}
        for cluster in config["clusters"]:
            key = state / f"{cluster['name']}.key"
            key.write_text(secrets.token_urlsafe(32))
            cluster["jwt_key_file"] = str(key)
        (state / "config.json").write_text(json.dumps(config))
        program = [sys.executable, "-m", "scheduler_bridge.sandbox"]
        options = ["--config", str(state / "config.json"), "--state-dir", str(state)]
        with running([*program, *options], state / "sandbox.log"):
            ready = state / "sandbox.json"
            if not processes.wait_until(ready.exists, seconds=30):
                raise SystemExit(processes.last_lines(state / "sandbox.log"))
            os.environ["TAQSEEM_SANDBOX_STATE"] = str(ready)
            yield


@contextmanager
def running(
    command: list[str], log: Path, *, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the time of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=output, stderr=output)
    try:
        yield process
    finally:
        processes.stop(process, steps=((signal.SIGTERM, 10), (signal.SIGKILL, 5)))


class Worker:
    """A real Celery worker with the pool and the size of `make run`."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory()

    def __enter__(self) -> Self:
        options = ["--pool=threads", "--concurrency=16", "--queues=default,bridge", "--loglevel=ERROR"]
        command = [sys.executable, "-m", "celery", "--app=portal", "--quiet", "worker", *options]
        log = Path(self._scratch.name) / "worker.log"
        self._running = running([*command, "--without-gossip", "--without-mingle"], log)
        self._process = self._running.__enter__()
        return self

    def wake(self, cluster: str) -> None:
        from scheduler_bridge.tasks import dispatch

        dispatch.delay(cluster)

    @property
    def peak_megabytes(self) -> float:
        """The most memory that the worker ever held, in MB (1,000,000 bytes)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kibibytes = int(status.partition("VmHWM:")[2].split()[0])
        return kibibytes * 1024 / 1_000_000

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, trace)
        self._scratch.cleanup()


def seed() -> None:
    """The demo data, led to the clusters that the environment names, which may send without bound."""
    from django.core.management import call_command

    from datacenters.models import Cluster

    call_command("demo_seed", stdout=sys.stderr)
    Cluster.objects.update(max_pending=1_000_000)


def fund(site: str) -> "Allocation":
    """An active allocation of the startup's project at this site, set up in Slurm."""
    from allocations.awards.models import Allocation
    from allocations.awards.services import award_make
    from allocations.projects.models import Project
    from datacenters.models import Resource
    from portal.foundation import clock
    from portal.people import demo
    from portal.people.models import User
    from scheduler_bridge.provisioning.reconcile import reconcile
    from scheduler_bridge.sites.logins import login_of

    startup = User.objects.get(email=demo.address("startup"))
    award = award_make(
        actor=User.objects.get(email=demo.address("council")),
        project=Project.objects.filter(members__user=startup).earliest("pk"),
        resource=Resource.objects.get(site__code=site),
        gpu_seconds=GPU_HOURS * 3600,
        starts_on=clock.today(),
        ends_on=clock.today() + timedelta(days=10),
        reason="Benchmark",
    )
    chosen = Allocation.objects.select_related("resource__cluster", "resource__site", "project")
    allocation = chosen.get(pk=award.allocation_id)
    login_of(startup, allocation)  # a sandbox makes it on the spot
    run = reconcile(allocation)
    if run.error:
        raise SystemExit(f"{site}: {run.error}")
    return chosen.get(pk=award.allocation_id)


def plant_jobs(allocation: "Allocation", count: int) -> "list[Job]":
    """Approved jobs of one GPU and 10 minutes, each with its hold, by the service that people's jobs take."""
    from portal.people import demo
    from portal.people.models import User
    from scheduler_bridge.jobs.services import job_submit
    from scheduler_bridge.placement.rules import Size

    startup = User.objects.get(email=demo.address("startup"))
    size = Size(gpus=1, cpus=1, memory_mb=1000, wall_minutes=10)
    return [
        job_submit(actor=startup, allocation=allocation, title=f"Job {number}", script=SCRIPT, size=size)
        for number in range(count)
    ]
