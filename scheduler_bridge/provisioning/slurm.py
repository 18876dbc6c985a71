"""What stands in a cluster's Slurm, as far as provisioning asks."""

from django.utils.translation import gettext_noop

from datacenters.models import Cluster
from scheduler_bridge.dispatch.lookup import holds_nothing
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import Account, SlurmClient, Token
from scheduler_bridge.slurm_rest_client.models import GPU, Association, LiveJob

ORGANIZATION = "taqseem"


class ProvisioningProblem(Exception):
    """What keeps the portal from provisioning, and what is to be done about it (both for people)."""

    def __init__(self, cause: str, remedy: str) -> None:
        self.cause, self.remedy = cause, remedy
        super().__init__(f"{cause} {remedy}")


class NotTracked(ProvisioningProblem):
    """The cluster doesn't count gres/gpu, so a GPU budget would hold nothing."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("The cluster doesn't track gres/gpu."),
            gettext_noop("Add AccountingStorageTRES=gres/gpu to its slurm.conf."),
        )


class NotOurs(ProvisioningProblem):
    """A Slurm account with a name of ours that the portal didn't make: it isn't touched."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Slurm account {name} exists at the site, and the portal didn't make it.",
            gettext_noop("Adopt it for the allocation, or have the site's admin remove it."),
        )


class AdoptedGone(ProvisioningProblem):
    """An adopted Slurm account that the site has removed since: the portal doesn't make it again."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The adopted Slurm account {name} is gone.",
            gettext_noop("Have the site's admin add it, or adopt another one."),
        )


class Incomplete(ProvisioningProblem):
    """The cluster didn't list all its jobs, so nobody knows what runs."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop("The cluster's list of jobs is incomplete."),
            gettext_noop("Nothing to do: it is tried again."),
        )


class Slurm:
    """A look at one cluster. `refresh` forgets what was read. All methods may raise SlurmError or OSError."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.client: SlurmClient = client_for(cluster)
        self.token: Token = operator_token(cluster)
        self._associations: dict[str, dict[str, Association]] = {}
        self._has_all = False
        self._jobs: list[LiveJob] | None = None

    def refresh(self) -> None:
        self._associations, self._has_all, self._jobs = {}, False, None

    def check_tracked(self) -> None:
        """Raises NotTracked."""
        if GPU not in self.client.tres(self.token).items:
            raise NotTracked()

    def load_all(self) -> None:
        """Read every association of the cluster at once: cheaper where many are asked for."""
        for association in self.client.associations(self.token, self.cluster.slurm_name):
            self._associations.setdefault(association.account, {})[association.user] = association
        self._has_all = True

    def associations(self, account: str) -> dict[str, Association]:
        """The associations of a Slurm account by user; its own is under the empty name."""
        if account not in self._associations and not self._has_all:
            listing = self.client.associations(self.token, self.cluster.slurm_name, account=account)
            self._associations[account] = {
                found.user: found for found in listing if found.account == account and not found.partition
            }
        return self._associations.get(account, {})

    def below(self, name: str) -> list[str]:
        """Slurm accounts whose parent this is, once all are loaded."""
        return sorted(
            account
            for account, found in self._associations.items()
            if "" in found and found[""].parent == name
        )

    def account(self, name: str) -> Account | None:
        return self.client.account(self.token, name)

    def jobs(self, *accounts: str) -> list[LiveJob]:
        """What slurmctld holds of these Slurm accounts. Raises Incomplete."""
        if self._jobs is None:
            listing = self.client.list_jobs(self.token)
            if not (listing.complete or holds_nothing(listing, self.client.diag(self.token))):
                raise Incomplete()
            self._jobs = list(listing)
        return [job for job in self._jobs if job.account in accounts]
