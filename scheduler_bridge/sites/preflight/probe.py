"""What the checks of one preflight share: the client, tokens, and probe jobs that can never run.

Every probe job is held, and its Slurm account lets none of its jobs start (MaxJobs=0) or be submitted at all
(MaxSubmitJobs=0). Whatever was accepted is cancelled at the end, also what an earlier preflight that was
killed left behind.
"""

import copy
import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from django.conf import settings

from datacenters.models import Cluster, Resource
from scheduler_bridge.installation import standing
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites.clients import client_for, marker, signer_for
from scheduler_bridge.slurm_rest_client import (
    AssociationLimits,
    Diag,
    HS256Signer,
    JobSpec,
    LiveJob,
    NotFound,
    Partition,
    Refused,
    Signer,
    SlurmClient,
    SlurmError,
    Token,
)
from scheduler_bridge.transitions import LoginState

log = logging.getLogger(__name__)

TOKEN_SECONDS = 60
UNKNOWN_ACCOUNT = 2045
BEYOND_LIMIT = 2050
ALREADY_ENDED = 2021
# slurmctld hears of a new limit within 4 s.
LAG_SECONDS = 6.0
_SCRIPT = "#!/bin/sh\nexit 0\n"


class ProbeRefused(Exception):
    """A probe job that should have been accepted wasn't."""

    def __init__(self, partition: str, error: Refused) -> None:
        self.partition = partition
        self.reason = error.reason
        super().__init__(partition, error.reason)


class NoPartition(Exception):
    """There is no partition to try anything on."""


class Probe:
    """One preflight's view of a cluster; use it in a `with`, which cleans up. `config` is empty where a site
    has shown none."""

    def __init__(self, cluster: Cluster, code: str, config: Mapping[str, str]) -> None:
        self.cluster = cluster
        self.config = config
        self.resources: list[Resource] = list(cluster.resources.order_by("code"))
        self.links: list[str] = list(
            SiteLogin.objects.filter(site=cluster.site_id, state=LoginState.CONFIRMED)
            .order_by("pk")
            .values_list("login", flat=True)
        )
        # A copy of the portal, or one restored from a backup, only looks.
        self.may_write = standing.may_change(cluster)
        prefix = f"tq{settings.INSTALLATION}probe"
        self.open_account = prefix
        self.shut_account = f"{prefix}shut"
        self.absent_account = f"{prefix}absent"
        self.name_prefix = f"tq-{settings.INSTALLATION}-preflight-"
        self.job_name = self.name_prefix + code
        self.code = code
        self.key_problem = ""
        self._signer = self._load_signer()
        # Spoken to in the version that the preflight chooses, whatever is entered so far.
        self._target = copy.copy(cluster)
        self.versions: tuple[str, ...] = ()
        self.release = ""
        self.reported_name = ""
        # Seconds that slurmctld's clock is ahead of ours; None until it has told its time.
        self.skew: int | None = None
        # The same for whatever answers HTTP at the address, if it tells the time.
        self.front_skew: int | None = None
        self._partitions: tuple[Partition, ...] | None = None
        self._held: dict[str, int] = {}
        self.open_jobs: set[int] = set()
        self.submitted = 0
        self._unclear = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clean_up()

    # --- tokens ---

    def _load_signer(self) -> Signer:
        """The cluster's; where there is none, another's, with which the versions at least can be asked."""
        try:
            return signer_for(self.cluster)
        except OSError:
            self.key_problem = "no_key"
        except ValueError:
            self.key_problem = "bad_key"
        return HS256Signer(secrets.token_bytes(32))

    def token(self, login: str = "", *, seconds: int = TOKEN_SECONDS) -> Token:
        """For the operator login unless another is named. By slurmctld's clock, once that is known."""
        return self._signer.mint(
            login or self.cluster.operator_login, int(time.time()) + (self.skew or 0) + seconds
        )

    # --- service ---

    @property
    def client(self) -> SlurmClient:
        """Raises TLSFailed where a certificate for this site can't be read."""
        return client_for(self._target)

    def speak(self, version: str) -> None:
        """From now on use this REST version."""
        self._target.api_version = version

    def diag(self, *, seconds: int = TOKEN_SECONDS) -> Diag:
        """slurmctld's own view; notes how far its clock is from ours."""
        before = time.time()
        diag = self.client.diag(self.token(seconds=seconds))
        skew = apart(diag.server_time, before, time.time())
        if self.skew is None or abs(skew) < abs(self.skew):
            self.skew = skew
        return diag

    @property
    def partitions(self) -> tuple[Partition, ...]:
        if self._partitions is None:
            self._partitions = self.client.partitions(self.token()).items
        return self._partitions

    @property
    def resource_partitions(self) -> list[str]:
        """Names of partitions that resources here name and that exist; else one of the cluster's own."""
        there = {partition.name for partition in self.partitions}
        named = [name for name in dict.fromkeys(one.partition for one in self.resources) if name in there]
        return named or [partition.name for partition in self.partitions[:1]]

    @property
    def partition(self) -> str:
        """Where probe jobs go. Raises NoPartition."""
        if not self.resource_partitions:
            raise NoPartition
        return self.resource_partitions[0]

    def gpu_type(self, partition: str) -> str:
        return next((one.gres_type for one in self.resources if one.partition == partition), "")

    # --- the probe's own Slurm accounts ---

    def set_up(self) -> None:
        """The probe's Slurm accounts, read back. Raises SlurmError."""
        operator = self.cluster.operator_login
        for account, limits in (
            (self.open_account, AssociationLimits(max_active_jobs=0)),
            (self.shut_account, AssociationLimits(max_submit_jobs=0)),
        ):
            self.client.upsert_account(
                self.token(), account, description="Taqseem preflight", organization="taqseem"
            )
            if self.client.association(self.token(), self.cluster.slurm_name, account) is None:
                self.client.upsert_association(
                    self.token(), self.cluster.slurm_name, account, AssociationLimits()
                )
            self.let_in(operator, account, limits)

    def let_in(self, login: str, account: str, limits: AssociationLimits) -> None:
        """Give the login an association that lets nothing start. Raises SlurmError."""
        token, name = self.token(), self.cluster.slurm_name
        known = self.client.association(token, name, account, login)
        if known is None or known.limits != limits:
            self.client.upsert_association(token, name, account, limits, user=login, parent=account)

    # --- probe jobs ---

    def submit(self, account: str, partition: str, *, login: str = "", gpus: int = 0) -> int:
        """Submit a held job; the clean-up cancels it. Raises Refused where Slurm says no, or SlurmError."""
        spec = JobSpec(
            name=self.job_name,
            account=account,
            partition=partition,
            cwd="/tmp",  # noqa: S108  the job never runs
            script=_SCRIPT,
            time_limit_minutes=1,
            gpus=gpus,
            gpu_type=self.gpu_type(partition) if gpus else "",
            comment=self.mark,
            hold=True,
        )
        try:
            job_id = self.client.submit(self.token(login, seconds=30), spec).job_id
        except SlurmError as error:
            self._unclear |= error.maybe_done
            raise
        self.submitted += 1
        self.open_jobs.add(job_id)
        return job_id

    @property
    def mark(self) -> str:
        return marker(
            attempt=self.code,
            cluster=self.cluster.slurm_name,
            login=self.cluster.operator_login,
            slurm_account=self.open_account,
            name=self.job_name,
        )

    def held(self, partition: str) -> int:
        """A held job with a GPU on this partition (without, where Slurm takes no other).

        Raises ProbeRefused, SlurmError.
        """
        if partition not in self._held:
            try:
                self._held[partition] = self._insist(partition, gpus=1)
            except ProbeRefused:
                self._held[partition] = self._insist(partition, gpus=0)
        return self._held[partition]

    def _insist(self, partition: str, *, gpus: int) -> int:
        """Submit, for as long as slurmctld may not have heard of the probe's Slurm account yet."""
        found = self.wait(lambda: self._try(partition, gpus), lambda one: one.code != UNKNOWN_ACCOUNT)
        if isinstance(found, Refused):
            raise ProbeRefused(partition, found)
        return found.job_id

    def _try(self, partition: str, gpus: int) -> "Accepted | Refused":
        try:
            return Accepted(self.submit(self.open_account, partition, gpus=gpus))
        except Refused as error:
            return error

    def wait[T](self, look: Callable[[], T], done: Callable[[T], bool], *, seconds: float = LAG_SECONDS) -> T:
        """Look until it is done or the time is over; returns the last look."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if done(found) or time.monotonic() >= deadline:
                return found
            time.sleep(0.3)

    # --- clean-up ---

    def clean_up(self) -> None:
        """Cancel every job of this preflight, and of earlier ones that were killed. What Slurm doesn't let be
        cancelled stays in `open_jobs`."""
        if not (self.versions and self.submitted) and not self._unclear:
            return
        try:
            strays = {job.job_id for job in self.client.list_jobs(self.token()) if self._is_ours(job)}
        except SlurmError as error:
            log.warning("Probe jobs on %s can't be listed: %s", self.cluster.code, error)
            strays = set()
        for job_id in sorted(self.open_jobs | strays):
            self.cancel(job_id)

    def cancel(self, job_id: int) -> None:
        self.open_jobs.add(job_id)
        try:
            self.client.cancel(self.token(), job_id)
        except NotFound:
            pass
        except SlurmError as error:
            if error.code != ALREADY_ENDED:
                log.warning("Probe job %s on %s can't be cancelled: %s", job_id, self.cluster.code, error)
                return
        self.open_jobs.discard(job_id)

    def _is_ours(self, job: LiveJob) -> bool:
        accounts = {self.open_account, self.shut_account, self.absent_account}
        return job.name.startswith(self.name_prefix) and job.account in accounts and not job.state.is_terminal


class Accepted:
    """Slurm took the job."""

    code = 0

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id


def apart(told: float, before: float, after: float) -> int:
    """Seconds that a clock which told `told`, in whole seconds, between two moments of ours is ahead."""
    if told < math.floor(before):
        return math.floor(told - before)
    return max(0, math.ceil(told - math.ceil(after)))
