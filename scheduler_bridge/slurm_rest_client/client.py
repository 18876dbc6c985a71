"""The client that the bridge uses: typed calls, one version each, a token with every call.

Nothing here retries. Every method may raise the errors of `errors`; `SlurmError.maybe_done` says whether the
call may have had its effect.
"""

import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import msgspec

from .auth import Token
from .capabilities import Capabilities
from .codecs import Codec, codec_for
from .discovery import discover
from .errors import NotFound, NotWritten, Unrunnable
from .models import (
    Account,
    AccountingRun,
    Association,
    AssociationLimits,
    Cluster,
    Diag,
    Discovery,
    JobSpec,
    JobStateRow,
    Listing,
    LiveJob,
    Node,
    Partition,
    Ping,
    Share,
    Submitted,
    User,
)
from .transport import Reply, Request, Timeouts, Transport

DEFAULT_VERSION = "v0.0.42"


class SlurmClient:
    """One cluster's slurmrestd. Thread-safe; keep one per cluster and close it.

    `max_connections` bounds the calls at once: slurmctld's locks make more than 4 useless. `tls` says whom to
    trust and who we are (see `tls_context`); without it the system's authorities are trusted.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_version: str = DEFAULT_VERSION,
        codec: Codec | None = None,
        timeouts: Timeouts | None = None,
        max_connections: int = 4,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.base_url = base_url
        self.codec = codec or codec_for(api_version)
        self._transport = Transport(
            base_url, timeouts=timeouts or Timeouts(), max_connections=max_connections, tls=tls
        )

    @property
    def capabilities(self) -> Capabilities:
        return self.codec.capabilities

    def _call[T](self, token: Token, request: Request, read: Callable[[Reply], T]) -> T:
        return read(self._transport.send(request, token))

    # --- service ---

    def discover(self, token: Token) -> Discovery:
        """The versions that both sides speak, best first."""
        return discover(self._transport, token)

    def ping(self, token: Token) -> Ping:
        return self._call(token, self.codec.ping(), self.codec.read_ping)

    def diag(self, token: Token) -> Diag:
        """slurmctld's clock and its backlog towards slurmdbd."""
        return self._call(token, self.codec.diag(), self.codec.read_diag)

    def partitions(self, token: Token) -> Listing[Partition]:
        return self._call(token, self.codec.partitions(), self.codec.read_partitions)

    def nodes(self, token: Token) -> Listing[Node]:
        return self._call(token, self.codec.nodes(), self.codec.read_nodes)

    def shares(self, token: Token) -> Listing[Share]:
        return self._call(token, self.codec.shares(), self.codec.read_shares)

    # --- jobs ---

    def submit(self, token: Token, spec: JobSpec) -> Submitted:
        """Submits as the token's user. Look at `maybe_done` of any error before trying again.

        Raises Unrunnable for a script that some releases take and then hold or fail.
        """
        if not spec.script.strip():
            raise Unrunnable("submit", "the script is empty")
        if not spec.script.startswith("#!"):
            raise Unrunnable("submit", "the script does not begin with #!")
        return self._call(token, self.codec.submit(spec), self.codec.read_submitted)

    def list_jobs(self, token: Token) -> Listing[LiveJob]:
        """All jobs that slurmctld still holds: large; finished ones leave after MinJobAge."""
        return self._call(token, self.codec.jobs(), self.codec.read_jobs)

    def job_states(self, token: Token, job_ids: Sequence[int] = ()) -> Listing[JobStateRow]:
        """States alone, of these jobs or of all: a hundred times smaller than `list_jobs`."""
        return self._call(token, self.codec.job_states(job_ids), self.codec.read_job_states)

    def get_job(self, token: Token, job_id: int) -> LiveJob:
        """Raises NotFound when slurmctld holds no such job (any more)."""
        return self._call(token, self.codec.job(job_id), self.codec.read_job)

    def cancel(self, token: Token, job_id: int) -> None:
        """Raises Refused when Slurm will not, NotFound when there is no such job."""
        self._call(token, self.codec.cancel(job_id), self.codec.read_cancelled)

    def update_job(
        self, token: Token, job_id: int, *, hold: bool | None = None, account: str | None = None
    ) -> None:
        """Holds (True) or releases (False) a pending job, or moves it to another Slurm account."""
        request = self.codec.update_job(job_id, hold=hold, account=account)
        self._call(token, request, self.codec.read_done)

    # --- accounting ---

    def accounting_jobs(
        self,
        token: Token,
        cluster: str,
        start: int,
        end: int,
        job_name: str | None = None,
        *,
        user: str | None = None,
        account: str | None = None,
    ) -> Listing[AccountingRun]:
        """All runs that overlap start..end (epoch seconds), requeued runs included, times unclipped.

        A run without an eligible time (a held job, even once cancelled) is in no window: see
        `accounting_by_id`.
        """
        request = self.codec.accounting_jobs(
            cluster, start, end, job_name=job_name, user=user, account=account
        )
        found = self._call(token, request, self.codec.read_accounting_jobs)
        return _only(found, name=job_name, user=user, account=account)

    def accounting_by_id(self, token: Token, cluster: str, job_ids: Sequence[int]) -> Listing[AccountingRun]:
        """All runs ever recorded under these ids. Ids may be reused: check name and user."""
        return self._call(
            token, self.codec.accounting_by_id(cluster, job_ids), self.codec.read_accounting_jobs
        )

    def tres(self, token: Token) -> Listing[str]:
        """What the cluster's accounting counts. Without `gres/gpu` every GPU-hour reads zero."""
        return self._call(token, self.codec.tres(), self.codec.read_tres)

    def clusters(self, token: Token) -> Listing[Cluster]:
        return self._call(token, self.codec.clusters(), self.codec.read_clusters)

    def qos(self, token: Token) -> Listing[str]:
        """The names of all qualities of service that slurmdbd knows."""
        return self._call(token, self.codec.qos(), self.codec.read_qos)

    # --- accounts, users, associations: every write is read back ---

    def associations(
        self, token: Token, cluster: str, *, account: str | None = None, user: str | None = None
    ) -> Listing[Association]:
        request = self.codec.associations(cluster, account, user)
        found = self._call(token, request, self.codec.read_associations)
        return _only(found, account=account, user=user)

    def association(
        self, token: Token, cluster: str, account: str, user: str = "", partition: str = ""
    ) -> Association | None:
        """The one association with exactly this key (`user` empty: account level), or None."""
        for found in self.associations(token, cluster, account=account, user=user or None):
            if (found.account, found.user, found.partition) == (account, user, partition):
                return found
        return None

    def upsert_association(
        self,
        token: Token,
        cluster: str,
        account: str,
        limits: AssociationLimits,
        *,
        user: str = "",
        parent: str = "root",
        qos: Sequence[str] = (),
    ) -> Association:
        """Creates or changes an association with all its limits and returns it as read back.

        Raises NotWritten when Slurm said yes and stored something else, as 22.05 does with every change of
        an account's limits (`Capabilities.account_limits_change_in_place`).
        """
        wanted = Association(
            cluster=cluster, account=account, user=user, parent=parent, qos=tuple(qos), limits=limits
        )
        self._call(token, self.codec.write_association(wanted), self.codec.read_done)
        stored = self.association(token, cluster, account, user)
        above = self.association(token, cluster, account if user else parent)
        if stored is None or stored.limits != (limits.under(above.limits) if above else limits):
            label = f"{account}/{user}" if user else account
            found = "nothing is there" if stored is None else "its limits differ"
            raise NotWritten("write_association", f"association {label} on {cluster}: {found}", status=200)
        return stored

    def delete_association(self, token: Token, cluster: str, account: str, user: str) -> None:
        """Takes a user out of a Slurm account; for users only, never for the account's own association.

        Raises NotFound when there is none, Refused while it has jobs (7001) or is the user's default
        (7009, 24.11), NotWritten when it is still there afterwards. It takes its usage with it.
        """
        if not user:
            raise ValueError("Name the user: an account's own association is never deleted.")
        request = self.codec.delete_association(cluster, account, user)
        self._call(token, request, self.codec.read_deleted)
        if self.association(token, cluster, account, user) is not None:
            raise NotWritten(
                "delete_association",
                f"association {account}/{user} on {cluster}: it is still there",
                status=200,
            )

    def upsert_account(
        self, token: Token, name: str, *, description: str = "", organization: str = ""
    ) -> Account:
        """Creates or changes a Slurm account (without any association). Raises NotWritten."""
        wanted = Account(name=name, description=description or name, organization=organization or name)
        self._call(token, self.codec.write_account(wanted), self.codec.read_done)
        stored = self.account(token, name)
        if stored is None:
            raise NotWritten("write_account", f"account {name}: nothing is there", status=200)
        return stored

    def account(self, token: Token, name: str) -> Account | None:
        return self._one(token, self.codec.account(name), self.codec.read_accounts, name)

    def upsert_user(
        self, token: Token, name: str, *, default_account: str = "", admin_level: str = "None"
    ) -> User:
        """Creates or changes a Slurm user. Raises NotWritten."""
        wanted = User(name=name, default_account=default_account, admin_level=admin_level)
        self._call(token, self.codec.write_user(wanted), self.codec.read_done)
        stored = self.user(token, name)
        if stored is None:
            raise NotWritten("write_user", f"user {name}: nothing is there", status=200)
        return stored

    def user(self, token: Token, name: str) -> User | None:
        return self._one(token, self.codec.user(name), self.codec.read_users, name)

    def _one[T: (Account, User)](
        self, token: Token, request: Request, read: Callable[[Reply], Listing[T]], name: str
    ) -> T | None:
        try:
            found = self._call(token, request, read)
        except NotFound:
            return None
        return next((item for item in found if item.name == name), None)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SlurmClient({self.base_url!r}, {self.codec.version})"


def _only[T: (AccountingRun, Association)](found: Listing[T], **wanted: str | None) -> Listing[T]:
    """What was asked for, whatever filters the cluster does not know (24.11) or does not have (22.05)."""
    keys = {name: value for name, value in wanted.items() if value}
    items = tuple(item for item in found if all(getattr(item, name) == value for name, value in keys.items()))
    return msgspec.structs.replace(found, items=items)
