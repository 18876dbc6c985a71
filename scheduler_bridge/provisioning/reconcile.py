"""Bringing Slurm to what an allocation should look like: read, compare, write, read back.

Only the Slurm accounts that the portal made are touched, and they are never deleted.
"""

import dataclasses
from typing import Any

from django.db import transaction

from allocations.awards import services as awards
from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.services import audit
from scheduler_bridge.models import ProvisioningRun, SlurmAccountBinding
from scheduler_bridge.provisioning.desired import Desired, desired
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import AssociationLimits, SlurmClient, SlurmError, Token
from scheduler_bridge.slurm_rest_client.models import GPU, Association


class NotTracked(Exception):
    """The cluster doesn't count gres/gpu, so a GPU budget would hold nothing."""


def reconcile(allocation: Allocation) -> ProvisioningRun:
    """Reconcile one allocation and keep a record of it; an active allocation has had its limits read back.

    Slurm's errors are kept in the record, not raised: the next run tries again.
    """
    cluster = allocation.resource.cluster
    if cluster is None:
        return ProvisioningRun.objects.create(allocation=allocation, error="The site has no cluster.")
    want = desired(allocation)
    run = ProvisioningRun(allocation=allocation, desired=dataclasses.asdict(want))
    try:
        found = Reconciliation(cluster, want, run.actions).apply()
    except (SlurmError, NotTracked, OSError) as error:
        run.error = str(error)
        run.save()
        return run
    run.found = _summary(found)
    with transaction.atomic():
        run.save()
        _remember(allocation, cluster, want, found)
        if run.actions:
            audit.record(
                actor=None, action="allocation_provision", target=allocation, after={"actions": run.actions}
            )
    return run


class Reconciliation:
    """One pass over one Slurm account; `actions` collects what was done."""

    def __init__(self, cluster: Cluster, want: Desired, actions: list[str]) -> None:
        self.cluster = cluster
        self.want = want
        self.actions = actions
        self.client: SlurmClient = client_for(cluster)
        self.token: Token = operator_token(cluster)

    def apply(self) -> list[Association]:
        """Returns the associations as read back. Raises SlurmError, NotTracked."""
        if GPU not in self.client.tres(self.token).items:
            raise NotTracked(
                "The cluster doesn't track gres/gpu: add AccountingStorageTRES=gres/gpu to slurm.conf."
            )
        found = {association.user: association for association in self._read()}
        self._account(found)
        for login in self.want.logins:
            self._login(login, found)
        for login in sorted(set(found) - {"", *self.want.logins}):
            self._shut_out(login, found[login])
        return self._read() if self.actions else list(found.values())

    def _read(self) -> list[Association]:
        name = self.cluster.slurm_name
        listing = self.client.associations(self.token, name, account=self.want.slurm_account)
        return [association for association in listing if association.account == self.want.slurm_account]

    def _account(self, found: dict[str, Association]) -> None:
        name = self.want.slurm_account
        if "" not in found:
            self.client.upsert_account(
                self.token, name, description="Taqseem allocation", organization="taqseem"
            )
            self.actions.append(f"made Slurm account {name}")
        if "" not in found or found[""].limits != self.want.limits:
            self.client.upsert_association(self.token, self.cluster.slurm_name, name, self.want.limits)
            self.actions.append(
                f"set GrpTRESMins={GPU}={self.want.limit_minutes} blocked={self.want.blocked}"
            )

    def _login(self, login: str, found: dict[str, Association]) -> None:
        # A person's own limits read back as those of the Slurm account above.
        if login in found and found[login].limits == AssociationLimits().under(self.want.limits):
            return
        name = self.want.slurm_account
        if self.client.user(self.token, login) is None:
            self.client.upsert_user(self.token, login)
        self.client.upsert_association(
            self.token, self.cluster.slurm_name, name, AssociationLimits(), user=login, parent=name
        )
        self.actions.append(f"let {login} use {name}")

    def _shut_out(self, login: str, association: Association) -> None:
        """No longer a member: may submit nothing more. Deleting would fail while a job of theirs runs."""
        shut = AssociationLimits(max_active_jobs=0, max_submit_jobs=0)
        if association.limits == shut.under(self.want.limits):
            return
        name = self.want.slurm_account
        self.client.upsert_association(
            self.token, self.cluster.slurm_name, name, shut, user=login, parent=name
        )
        self.actions.append(f"shut {login} out of {name}")


def _summary(found: list[Association]) -> dict[str, Any]:
    return {
        association.user or "(account)": {
            "gpu_minutes": association.limits.gpu_minutes,
            "max_submit": association.limits.max_submit_jobs,
        }
        for association in found
    }


def _remember(allocation: Allocation, cluster: Cluster, want: Desired, found: list[Association]) -> None:
    """Keep what was read back; an allocation whose limit stands is active."""
    account = next(association for association in found if not association.user)
    SlurmAccountBinding.objects.update_or_create(
        allocation=allocation,
        generation=1,
        defaults={
            "cluster": cluster,
            "slurm_account": want.slurm_account,
            "limit_minutes": account.limits.gpu_minutes,
            "logins": sorted(a.user for a in found if a.user and a.limits.max_submit_jobs != 0),
            "blocked": account.limits.max_submit_jobs == 0,
            "verified_at": clock.now(),
        },
    )
    if allocation.state == AllocationState.PROVISIONING and account.limits == want.limits:
        awards.allocation_activate(allocation=allocation)
