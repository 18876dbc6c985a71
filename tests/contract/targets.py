"""What the contract is tried on: a sandbox of our own, or a real cluster of the lab."""

import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from deploy.lab.state import Lab, LabCluster
from scheduler_bridge.sandbox import ClusterConfig, PartitionConfig, SandboxConfig, SandboxServer
from scheduler_bridge.slurm_rest_client import (
    GPU,
    AssociationLimits,
    HS256Signer,
    JobSpec,
    Listing,
    LiveJob,
    SlurmClient,
    SlurmError,
    Timeouts,
    Token,
)

PREFIX = "tqct"
VERSION = "v0.0.42"


def wait_until[T](condition: Callable[[], T], *, seconds: float = 30) -> T:
    """The first truthy value of the condition; fails when there is none."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
        time.sleep(0.1)
    return value


class Target:
    """A cluster under test. `user` and `stranger` may submit, `operator` administers accounts."""

    sandbox = False

    def __init__(
        self, name: str, url: str, key: bytes, *, partition: str, gpu: str, users: list[str]
    ) -> None:
        self.name = name
        self.url = url
        self.partition = partition
        self.gpu = gpu
        self.operator = "tqportal"
        self.user, self.stranger = users[:2]
        self.signer = HS256Signer(key)
        self.client = SlurmClient(url, timeouts=Timeouts(total=40))
        self.slurm_accounts: list[str] = []

    def token(self, user: str | None = None, *, lifetime: int = 60) -> Token:
        """For the operator unless told otherwise; a negative lifetime makes an expired one."""
        return self.signer.mint(user or self.operator, int(time.time()) + lifetime)

    def new_account(self, limits: AssociationLimits | None = None, *, gpu_minutes: int | None = None) -> str:
        """A fresh Slurm account with a budget, open to `user` and `stranger`."""
        name = PREFIX + secrets.token_hex(4)
        self.slurm_accounts.append(name)
        budget = {GPU: gpu_minutes} if gpu_minutes is not None else {}
        limits = limits or AssociationLimits(group_tres_minutes=budget)
        self.client.upsert_account(self.token(), name)
        self.client.upsert_association(self.token(), self.name, name, limits)
        for user in (self.user, self.stranger):
            self.client.upsert_user(self.token(), user)
            self.client.upsert_association(self.token(), self.name, name, AssociationLimits(), user=user)
        return name

    def spec(self, account: str, commands: str = "sleep 300", /, **changes: Any) -> JobSpec:
        spec = JobSpec(
            name=f"{PREFIX}-{secrets.token_hex(6)}",
            account=account,
            partition=self.partition,
            cwd=f"/home/{self.user}",
            script=f"#!/bin/bash\n{commands}\n",
            time_limit_minutes=5,
            memory_mb=200,
            stdout="/dev/null",
            comment="tq:contract",
        )
        return msgspec.structs.replace(spec, **changes)

    def submit(self, spec: JobSpec, user: str | None = None) -> int:
        return self.client.submit(self.token(user or self.user), spec).job_id

    def live(self, job_id: int) -> LiveJob:
        return self.client.get_job(self.token(), job_id)

    def runs(self, **filters: Any) -> Listing[Any]:
        """Accounting of the last ten minutes."""
        now = int(time.time())
        return self.client.accounting_jobs(self.token(), self.name, now - 600, now + 60, **filters)

    def call(
        self, method: str, path: str, body: Any = None, *, user: str | None = None, **query: str
    ) -> httpx.Response:
        """A call as it goes over the wire, for what the client rightly never sends."""
        headers = self.token(user).headers()
        return httpx.request(method, self.url + path, headers=headers, params=query, json=body, timeout=40)

    def clean_up(self) -> None:
        """Cancels what the tests left behind."""
        for job in self.client.list_jobs(self.token()):
            if job.account in self.slurm_accounts and not job.state.is_terminal:
                try:
                    self.client.cancel(self.token(), job.job_id)
                except SlurmError as error:
                    print(f"clean-up of job {job.job_id}: {error}")
        self.client.close()

    def requeue(self, job_id: int) -> None:
        raise NotImplementedError

    def rename(self, job_id: int, name: str) -> None:
        raise NotImplementedError

    @contextmanager
    def stalled(self, seconds: float) -> Iterator[None]:
        """slurmctld takes submissions but answers and acts only after `seconds`."""
        raise NotImplementedError
        yield


class SandboxTarget(Target):
    sandbox = True

    def clean_up(self) -> None:
        """Nothing is left behind: the sandbox ends with its test."""
        self.client.close()

    def control(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        reply = httpx.request(method, f"{self.url}/sandbox/{path}", json=body or None)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    def requeue(self, job_id: int) -> None:
        self.control("POST", "requeue", job_id=job_id)

    def rename(self, job_id: int, name: str) -> None:
        self.control("POST", "rename", job_id=job_id, name=name)

    @contextmanager
    def stalled(self, seconds: float) -> Iterator[None]:
        self.control("POST", "faults", route="submit", kind="slow", seconds=seconds)
        started = time.monotonic()
        yield
        wait_until(lambda: time.monotonic() > started + seconds + 0.3)


class LabTarget(Target):
    def __init__(self, cluster: LabCluster) -> None:
        key = Path(cluster.jwt_key).read_bytes()
        super().__init__(
            cluster.name,
            cluster.rest_url,
            key,
            partition=cluster.partition,
            gpu=cluster.gpu,
            users=cluster.users,
        )
        self.lab_cluster = cluster

    def requeue(self, job_id: int) -> None:
        self.lab_cluster.command("scontrol", "requeue", str(job_id))

    def rename(self, job_id: int, name: str) -> None:
        self.lab_cluster.command("scontrol", "update", f"JobId={job_id}", f"Name={name}")

    @contextmanager
    def stalled(self, seconds: float) -> Iterator[None]:
        slurmctld = self.lab_cluster.daemons["slurmctld"]
        started = time.monotonic()
        slurmctld.signal(signal.SIGSTOP)
        try:
            yield
            wait_until(lambda: time.monotonic() > started + seconds)
        finally:
            slurmctld.signal(signal.SIGCONT)

    def clean_up(self) -> None:
        super().clean_up()
        for name in reversed(self.slurm_accounts):
            try:
                # sacctmgr can delete neither an orphan association nor somebody's default one.
                self.call("DELETE", f"/slurmdb/{VERSION}/associations/", account=name, cluster=self.name)
                self.lab_cluster.command("sacctmgr", "-i", "delete", "account", f"name={name}", check=False)
            except (subprocess.TimeoutExpired, httpx.HTTPError) as error:
                print(f"clean-up of account {name}: {error}")


@contextmanager
def sandbox_target(directory: Path, **settings: Any) -> Iterator[SandboxTarget]:
    """A sandbox in this process with one cluster of two nodes."""
    key_file = directory / "jwt_hs256.key"
    key_file.write_bytes(secrets.token_bytes(32))
    config = SandboxConfig(
        clusters=(
            ClusterConfig(
                name="sandbox",
                jwt_key_file=str(key_file),
                partitions=(PartitionConfig(name="gpu", nodes=2),),
            ),
        ),
        **settings,
    )
    with SandboxServer(config, directory) as server:
        target = SandboxTarget(
            "sandbox",
            server.urls["sandbox"],
            key_file.read_bytes(),
            partition="gpu",
            gpu="h100",
            users=["tqresearcher", "tqstartup"],
        )
        yield target
        target.clean_up()


@contextmanager
def lab_target(name: str) -> Iterator[LabTarget]:
    """Raises LabDown when the lab is not up."""
    target = LabTarget(Lab.load().cluster(name))
    try:
        yield target
    finally:
        target.clean_up()
