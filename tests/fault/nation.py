"""Four real clusters, two of each Slurm release, in a lab of these tests' own: daemons may be broken."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.db import connection

from deploy.lab.pytest_lab import run_lab
from deploy.lab.state import Lab, LabCluster, LabDown
from deploy.local import processes
from scheduler_bridge.models import DispatchAttempt, Job, SiteLogin
from tests.bridge_stage import Stage, set_stage
from tests.cast import site
from tests.fault.workers import Workers

CLUSTERS = ("datavault", "higgs", "astrolabe-ned", "astrolabe-uet")
LAB = Path(os.environ.get("TAQSEEM_FAULT_LAB_DIR", "/var/lib/taqseem-lab-faults"))
STORY = ("code", "state", "reason", "slurm_job_id", "attempts__outcome", "attempts__answer")
SETTLED = {"completed", "failed", "cancelled", "timeout", "node_fail", "refused"}


@pytest.fixture(scope="session")
def breakable_lab(lab_possible: None) -> Iterator[Path]:
    """One that was up before is used and left up."""
    try:
        Lab.load(LAB)
        was_up = True
    except LabDown:
        was_up = False
    mend()
    yield LAB
    if was_up:
        mend()
    else:
        run_lab("down", "--purge", TAQSEEM_LAB_DIR=str(LAB))


def mend() -> None:
    """Start whatever is missing, on all clusters at once; returns when everything answers."""
    run_lab("up", *CLUSTERS, TAQSEEM_LAB_DIR=str(LAB))


def apart[A, T](work: Callable[[A], T], items: Sequence[A]) -> list[T]:
    """Do this for all at once, each on a database connection of its own."""

    def one(item: A) -> T:
        try:
            return work(item)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(one, items))


@dataclass
class Nation:
    """A stage at each of the four sites. Their witnesses are the clusters' own tools."""

    stages: list[Stage]

    def everywhere[T](self, work: Callable[[Stage], T]) -> list[T]:
        """Do this at all sites at the same time."""

        return apart(work, self.stages)

    def submit(self, *, script: str = "sleep 1", gpus: int = 1) -> list[Job]:
        """A small job to each site."""
        size = {"gpus": gpus, "cpus": 1, "memory_mb": 200, "wall_minutes": 2}
        return self.everywhere(lambda stage: stage.submit(script=f"#!/bin/bash\n{script}\n", **size))

    def hit(self, daemon: str, number: signal.Signals) -> None:
        """Send this daemon of each cluster a signal, and wait for what it does."""
        aim = {signal.SIGSTOP: "paused", signal.SIGCONT: "running"}.get(number, "gone")
        for stage in self.stages:
            daemon_of(stage, daemon).signal(number)
        for stage in self.stages:
            one = daemon_of(stage, daemon)
            assert processes.wait_until(lambda one=one: one.state == aim, seconds=30)

    def exactly_once(self, jobs: list[Job]) -> None:
        """No job lost, none doubled, and the ledger says what the clusters' accounting has, to the second."""
        told, copies = self._copies(jobs)
        if not all(copies.values()):  # Slurm 22.05 records the comment a moment after the end
            processes.wait_until(lambda: all(self._copies(jobs)[1].values()), seconds=15, every=1)
            told, copies = self._copies(jobs)
        lost = [code for code, found in copies.items() if not found]
        assert not lost, (
            f"lost: {[str(row) for row in Job.objects.filter(code__in=lost).values_list(*STORY)]}"
        )
        assert not [code for code, found in copies.items() if len(found) > 1], f"doubled: {copies}"
        for stage in self.stages:
            name = stage.cluster.slurm_name
            recorded = sum(run.gpu_seconds for run in told if run.cluster == name)
            standing = stage.balances
            assert standing.spent == recorded, f"{name}: charged {standing.spent}, sacct has {recorded}"
            assert (standing.held, standing.overrun) == (0, 0), f"{name}: {standing}"

    def _copies(self, jobs: list[Job]) -> tuple[list["Told"], dict[str, set[tuple[str, str]]]]:
        """All that the clusters recorded, and by job the ids that it ran under."""
        told = [run for found in self.everywhere(sacct) for run in found]
        return told, {
            job.code: {(run.cluster, run.job_id) for run in told if run.job == job.code} for job in jobs
        }

    def settle(self, workers: Workers, jobs: list[Job]) -> None:
        """Work goes on until all have ended, then the books are compared."""
        codes = [job.code for job in jobs]

        def all_ended() -> bool:
            return set(Job.objects.filter(code__in=codes).values_list("state", flat=True)) <= SETTLED

        try:
            workers.until(all_ended, "not every job ended", seconds=180)
        except AssertionError as error:
            found = (
                Job.objects.filter(code__in=codes)
                .exclude(state__in=SETTLED)
                .values_list("cluster__code", *STORY)
            )
            raise AssertionError(f"still open: {[str(row) for row in found]} {error}") from error
        self.exactly_once(jobs)


@dataclass(frozen=True)
class Told:
    """A row of sacct; `job` is the portal's, by the attempt that the comment names."""

    cluster: str
    job_id: str
    state: str
    gpu_seconds: int
    job: str


def sacct(stage: Stage) -> list[Told]:
    """All runs that ever began on the allocation's Slurm accounts."""
    accounts = ",".join(stage.allocation.bindings.values_list("slurm_account", flat=True))
    fields = "JobID,State,ElapsedRaw,AllocTRES,Comment"
    shown = stage.real.command(
        "sacct", "-X", "-D", "-n", "-P", "-a", "-A", accounts, "-S", "now-2hours", f"--format={fields}"
    )
    found = []
    for line in shown.stdout.splitlines():
        job_id, state, elapsed, tres, comment = line.split("|")
        gpus = dict(part.split("=") for part in tres.split(",") if part).get("gres/gpu", 0)
        attempt = DispatchAttempt.objects.filter(code=comment.split(":")[1] if ":" in comment else "").first()
        if state != "PENDING":
            code = attempt.job.code if attempt else ""
            found.append(Told(stage.cluster.slurm_name, job_id, state, int(elapsed) * int(gpus), code))
    return found


def daemon_of(stage: Stage, daemon: str):
    """As it runs now: it has another process after each start."""
    return Lab.load(LAB).cluster(stage.cluster.slurm_name).daemons[daemon]


@pytest.fixture
def nation(cast, breakable_lab) -> Iterator[Nation]:
    lab = Lab.load(breakable_lab)
    yield Nation(apart(lambda name: set_up(cast, lab.cluster(name)), CLUSTERS))
    daemons = [one for name in CLUSTERS for one in Lab.load(breakable_lab).cluster(name).daemons.values()]
    for daemon in daemons:
        daemon.signal(signal.SIGCONT)
    if any(daemon.state == "gone" for daemon in daemons):
        mend()
    for name in CLUSTERS:
        lab.cluster(name).command("scancel", "--user=tqresearcher", check=False)


def set_up(cast, real: LabCluster) -> Stage:
    """A site of the cast's on this cluster, where the PI is `tqresearcher`, with 5 GPU-hours."""
    resource = site(real.name, gpus=16)
    resource.gres_type, resource.partition = real.gpu, real.partition
    resource.save()
    cluster = resource.cluster
    cluster.url, cluster.is_sandbox, cluster.signer = real.rest_url, False, str(real.jwt_key)
    cluster.api_version = max(real.rest_versions)
    cluster.save()
    SiteLogin.objects.create(user=cast.pi, site=resource.site, login="tqresearcher")
    here = replace(cast, site=resource.site, cluster=cluster, resource=resource)
    stage = set_stage(here, cluster, gpu_hours=5)
    stage.real = real
    return stage
