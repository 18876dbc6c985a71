"""What the contract is tried on: a sandbox of our own, or a real cluster of the lab."""

import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec

from deploy.lab.state import LabCluster
from scheduler_bridge.sandbox import ClusterConfig, PartitionConfig, SandboxConfig, SandboxServer
from scheduler_bridge.slurm_rest_client import (
    GPU,
    AccountingRun,
    AssociationLimits,
    HS256Signer,
    JobSpec,
    JobState,
    Listing,
    LiveJob,
    SlurmClient,
    SlurmError,
    Timeouts,
    Token,
)

type Release = Literal["22.05", "24.11"]

PREFIX = "tqct"
OPEN = AssociationLimits()
PARKED = AssociationLimits(max_active_jobs=0)
"""Under these limits every job stays pending."""


def wait_until[T](condition: Callable[[], T], *, seconds: float = 30) -> T:
    """The first truthy value of the condition; fails when there is none."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
        time.sleep(0.1)
    return value


class Target:
    """A cluster under test. `user` and `stranger` may submit, `operator` administers accounts."""

    is_real = False

    def __init__(
        self, name: str, url: str, key: bytes, *, release: str, partition: str, gpu: str, users: list[str]
    ) -> None:
        self.name = name
        self.url = url
        self.release = release
        self.version = {"22.05": "v0.0.38", "24.11": "v0.0.42"}[release]
        self.label = f"slurm-{release}"
        self.partition = partition
        self.gpu = gpu
        self.operator = "tqportal"
        self.user, self.stranger = users[:2]
        self.signer = HS256Signer(key)
        self.client = SlurmClient(url, api_version=self.version, timeouts=Timeouts(total=40))
        self.slurm_accounts: list[str] = []
        self._shared: dict[str, str] = {}
        self._users: set[str] = set()
        self._recorded: list[tuple[int, str]] = []

    @property
    def is_old(self) -> bool:
        return self.release == "22.05"

    def says[T](self, old: T, new: T) -> T:
        """What belongs to this target's release: 22.05 or 24.11."""
        return old if self.is_old else new

    @property
    def slurm(self) -> str:
        """The path of slurmctld's calls."""
        return f"/slurm/{self.version}"

    @property
    def slurmdb(self) -> str:
        return f"/slurmdb/{self.version}"

    def token(self, user: str | None = None, *, lifetime: int = 60) -> Token:
        """For the operator unless told otherwise; a negative lifetime makes an expired one."""
        return self.signer.mint(user or self.operator, int(time.time()) + lifetime)

    def account(self, kind: str = "open") -> str:
        """A Slurm account that the tests share, open to `user` and `stranger`: "open" has no limits, in
        "parked" every job stays pending."""
        if kind not in self._shared:
            limits = {"open": OPEN, "parked": PARKED}[kind]
            self._shared[kind] = self.new_account(limits, users=(self.user, self.stranger))
        return self._shared[kind]

    def fresh_name(self) -> str:
        """The name of a Slurm account that the clean-up removes."""
        name = PREFIX + secrets.token_hex(4)
        self.slurm_accounts.append(name)
        return name

    def new_account(
        self,
        limits: AssociationLimits | None = None,
        *,
        gpu_minutes: int | None = None,
        users: tuple[str, ...] | None = None,
    ) -> str:
        """A fresh Slurm account with limits or a budget, open to `user` unless told otherwise."""
        name = self.fresh_name()
        budget = {GPU: gpu_minutes} if gpu_minutes is not None else {}
        limits = limits or AssociationLimits(group_tres_minutes=budget)
        self.client.upsert_account(self.token(), name)
        self.client.upsert_association(self.token(), self.name, name, limits)
        for user in (self.user,) if users is None else users:
            self._add_user(user)
            self.client.upsert_association(self.token(), self.name, name, OPEN, user=user)
        return name

    def _add_user(self, user: str) -> None:
        if user not in self._users:
            self.client.upsert_user(self.token(), user)
            self._users.add(user)

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

    def recorded(self, count: int = 1) -> list[tuple[int, str]]:
        """Pending jobs that slurmdb knows, with their names; the tests share them."""
        while len(self._recorded) < count:
            spec = self.spec(self.account("parked"))
            self._recorded.append((self.submit(spec), spec.name))
        wait_until(lambda: all(self.runs(job_name=name).items for _, name in self._recorded[:count]))
        return self._recorded[:count]

    def held(self, **changes: Any) -> int:
        """A held job in the shared account."""
        return self.submit(self.spec(self.account(), hold=True, **changes))

    def running(self, **changes: Any) -> int:
        job_id = self.submit(self.spec(self.account(), **changes))
        wait_until(lambda: self.live(job_id).state is JobState.RUNNING)
        return job_id

    def live(self, job_id: int) -> LiveJob:
        return self.client.get_job(self.token(), job_id)

    def runs(self, **filters: Any) -> Listing[AccountingRun]:
        """Accounting of the last ten minutes."""
        now = int(time.time())
        return self.client.accounting_jobs(self.token(), self.name, now - 600, now + 60, **filters)

    def final(self, name: str) -> AccountingRun:
        """The one record of the job of this name, once it changes no more."""
        (run,) = wait_until(lambda: [run for run in self.runs(job_name=name) if run.is_final])
        return run

    def call(
        self, method: str, path: str, body: Any = None, *, user: str | None = None, **query: str | list[str]
    ) -> httpx.Response:
        """A call as it goes over the wire, for what the client rightly never sends."""
        return self._send(method, path, query, body, user)

    def call_as_operator(self, method: str, path: str, query: dict[str, str]) -> httpx.Response:
        """The same with a query of any names."""
        return self._send(method, path, query)

    def _send(
        self, method: str, path: str, query: Any, body: Any = None, user: str | None = None
    ) -> httpx.Response:
        headers = self.token(user).headers()
        return httpx.request(method, self.url + path, headers=headers, params=query, json=body, timeout=40)

    def clean_up(self) -> None:
        """Cancels what the tests left behind and waits for its end."""
        wait_until(lambda: not self._cancel_all(), seconds=20)
        self.client.close()

    def _cancel_all(self) -> list[int]:
        """The jobs that had not ended."""
        live = self.client.list_jobs(self.token())
        found = [
            job.job_id for job in live if job.account in self.slurm_accounts and not job.state.is_terminal
        ]
        for job_id in found:
            try:
                self.client.cancel(self.token(), job_id)
            except SlurmError as error:
                print(f"clean-up of job {job_id}: {error}")
        return found

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
    def __init__(self, *arguments: Any, **facts: Any) -> None:
        super().__init__(*arguments, **facts)
        self.label = f"sandbox-{self.version.replace('v0.0.', 'v')}"

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
        self.control("POST", "faults", route="submit", kind="slow", seconds=seconds, times=2)
        started = time.monotonic()
        yield
        # The second call may have come a second or two after the first.
        wait_until(lambda: not self.control("GET", "state")["faults"])
        wait_until(lambda: time.monotonic() > started + seconds + 2)


class LabTarget(Target):
    is_real = True

    def __init__(self, cluster: LabCluster) -> None:
        key = Path(cluster.jwt_key).read_bytes()
        super().__init__(
            cluster.name,
            cluster.rest_url,
            key,
            release=cluster.release,
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
        wait_until(lambda: slurmctld.state == "paused")
        try:
            yield
            wait_until(lambda: time.monotonic() > started + seconds)
        finally:
            slurmctld.signal(signal.SIGCONT)

    def clean_up(self) -> None:
        super().clean_up()
        for name in reversed(self.slurm_accounts):
            try:
                self._remove(name)
            except (subprocess.TimeoutExpired, httpx.HTTPError) as error:
                print(f"clean-up of account {name}: {error}")

    def _remove(self, account: str) -> None:
        if self.is_old:
            self.call("DELETE", f"{self.slurmdb}/account/{account}")
            return
        # sacctmgr can delete neither an orphan association nor somebody's default one.
        self.call("DELETE", f"{self.slurmdb}/associations/", account=account, cluster=self.name)
        self.lab_cluster.command("sacctmgr", "-i", "delete", "account", f"name={account}", check=False)


@contextmanager
def sandbox_target(directory: Path, release: Release = "24.11", **settings: Any) -> Iterator[SandboxTarget]:
    """A sandbox in this process with one cluster of two nodes."""
    key_file = directory / "jwt_hs256.key"
    key_file.write_bytes(secrets.token_bytes(32))
    config = SandboxConfig(
        clusters=(
            ClusterConfig(
                name="sandbox",
                jwt_key_file=str(key_file),
                partitions=(PartitionConfig(name="gpu", nodes=2),),
                release=release,
            ),
        ),
        **settings,
    )
    with SandboxServer(config, directory) as server:
        target = SandboxTarget(
            "sandbox",
            server.urls["sandbox"],
            key_file.read_bytes(),
            release=release,
            partition="gpu",
            gpu="h100",
            users=["tqresearcher", "tqstartup"],
        )
        yield target
        target.clean_up()


@contextmanager
def lab_target(cluster: LabCluster) -> Iterator[LabTarget]:
    target = LabTarget(cluster)
    try:
        yield target
    finally:
        target.clean_up()
