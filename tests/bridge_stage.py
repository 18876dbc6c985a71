"""The bridge's stage: a cluster (the sandbox, in this process) and an active allocation on it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from allocations.awards.models import Allocation
from allocations.ledger import services as ledger
from allocations.ledger.selectors import Balances, balances
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.clock import Quarter
from scheduler_bridge.accounting.ingest import ingest
from scheduler_bridge.accounting.poll import poll
from scheduler_bridge.dispatch.loop import drain
from scheduler_bridge.jobs.services import job_submit
from scheduler_bridge.models import Job
from scheduler_bridge.placement.rules import Size
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sandbox.config import ClusterConfig, PartitionConfig, SandboxConfig
from scheduler_bridge.sandbox.server import SandboxServer
from tests.cast import Cast

SCRIPT = "#!/bin/bash\nsleep 60\n"


@contextmanager
def sandbox(tmp_path: Path, *names: str) -> Iterator[dict[str, tuple[str, Path]]]:
    """Virtual clusters: name → (address, key file)."""
    clusters = []
    for name in names:
        key = tmp_path / f"{name}.key"
        key.write_bytes(secrets.token_bytes(32))
        partition = PartitionConfig(name="gpu", nodes=2, gpus_per_node=8)
        clusters.append(ClusterConfig(name=name, jwt_key_file=str(key), partitions=(partition,)))
    with SandboxServer(SandboxConfig(clusters=tuple(clusters), slurmdb_lag_s=0)) as server:
        yield {name: (server.urls[name], tmp_path / f"{name}.key") for name in names}


@dataclass
class Stage:
    """`cluster` answers; `allocation` is active with `granted` GPU-seconds."""

    cast: Cast
    cluster: Cluster
    allocation: Allocation
    granted: int

    def submit(self, **changes: Any) -> Job:
        size = {"gpus": 2, "cpus": 8, "memory_mb": 16_000, "wall_minutes": 10, **changes}
        script = size.pop("script", SCRIPT)
        actor = size.pop("actor", self.cast.pi)
        job = job_submit(
            actor=actor, allocation=self.allocation, title="Training", script=script, size=Size(**size)
        )
        # The first submission makes a login: the Slurm account must let it in.
        reconcile(self.fresh_allocation())
        return job

    def fresh_allocation(self) -> Allocation:
        return Allocation.objects.select_related(
            "resource__cluster", "resource__site", "project__organisation"
        ).get(pk=self.allocation.pk)

    def drain(self) -> int:
        return drain(self.cluster)

    def follow(self) -> None:
        """A second later, one round of looking: live states, then accounting."""
        self.advance(1)
        poll(self.cluster)
        ingest(self.cluster)

    def control(self, what: str, **body: Any) -> Any:
        """A control of the sandbox: advance, faults, requeue, forget, rename …"""
        return httpx.post(f"{self.cluster.url}/sandbox/{what}", json=body).raise_for_status().json()

    def fault(self, kind: str, **more: Any) -> None:
        self.control("faults", kind=kind, **more)

    def advance(self, seconds: float) -> None:
        self.control("advance", seconds=seconds, tokens=False)

    def copies(self, job: Job) -> int:
        """How many copies of the job the cluster ever accepted."""
        journal = httpx.get(f"{self.cluster.url}/sandbox/journal", params={"name": job.slurm_name})
        count: int = journal.raise_for_status().json()["count"]
        return count

    @property
    def balances(self) -> Balances:
        return balances(self.allocation.code)


def set_stage(cast: Cast, cluster: Cluster, *, gpu_hours: int = 100) -> Stage:
    """Award the cast's project a budget on the cluster and reconcile it with Slurm."""
    granted, quarter = gpu_hours * 3600, Quarter.of(clock.today())
    ledger.capacity_set(
        resource=cast.resource,
        quarter=quarter,
        gpu_seconds=granted * 10,
        key=f"capacity:test:{cast.resource.code}",
        actor=cast.admin,
    )
    allocation = Allocation.objects.create(
        project=cast.project,
        resource=cast.resource,
        starts_on=clock.today(),
        ends_on=clock.today() + timedelta(days=60),
    )
    ledger.allocation_open(resource=cast.resource, allocation_code=allocation.code)
    ledger.award_post(
        resource=cast.resource,
        allocation_code=allocation.code,
        portions={quarter: granted},
        key=f"award:{allocation.code}",
        actor=cast.admin,
    )
    stage = Stage(cast=cast, cluster=cluster, allocation=allocation, granted=granted)
    run = reconcile(stage.fresh_allocation())
    assert run.error == "", run.error
    allocation.refresh_from_db()
    return stage


@pytest.fixture
def stage(cast: Cast, tmp_path: Path, settings: Any) -> Iterator[Stage]:
    """The cast's site on the sandbox, with an active allocation of 100 GPU-hours."""
    with sandbox(tmp_path, "ned") as clusters:
        cast.cluster.url, key = clusters["ned"]
        cast.cluster.signer = str(key)
        cast.cluster.save()
        yield set_stage(cast, cast.cluster)
