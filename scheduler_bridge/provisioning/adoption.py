"""Giving an allocation a Slurm account that the site had already. Else nothing of a site's own is touched."""

import re
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.awards.transitions import ENDED
from datacenters.models import Cluster
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.models import SlurmAccountBinding
from scheduler_bridge.provisioning.desired import changes_in_place, desired, parent_account
from scheduler_bridge.provisioning.reconcile import words_of
from scheduler_bridge.provisioning.slurm import ProvisioningProblem, Slurm
from scheduler_bridge.slurm_rest_client import SlurmError
from scheduler_bridge.slurm_rest_client.models import GPU

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}")


@dataclass(frozen=True)
class Adoptable:
    """A site's Slurm account as it stands. GPU minutes are the limit's; `counted` is in GPU-seconds.

    `shut_out` may use it now and could not any more. `open_jobs` must be 0 before it can be adopted.
    `by_hand` is what the site's admin has to run afterwards, where Slurm takes limits from sacctmgr alone.
    """

    name: str
    description: str
    organization: str
    parent: str
    gpu_minutes: int | None
    users: list[str]
    shut_out: list[str]
    open_jobs: int
    counted: int
    will_be_minutes: int
    by_hand: str = ""


def adoptable(*, actor: User, allocation: Allocation, name: str) -> Adoptable:
    """What is there under this name. For admins. Raises NotAllowed, InvalidInput, IllegalState, Refused."""
    require(actor, "datacenters.administer")
    cluster = _cluster_of(allocation)
    _check_name(cluster, name)
    try:
        return _look(allocation, cluster, name)
    except (SlurmError, ProvisioningProblem, OSError) as error:
        raise Refused(words_of(error), field="slurm_account", code="cluster_away") from error


def slurm_account_adopt(*, actor: User, allocation: Allocation, name: str) -> SlurmAccountBinding:
    """Give the allocation this Slurm account of its site's cluster; its limits are the portal's from now on.

    For admins with a second factor. The allocation's Slurm account so far is stopped. What ran there before
    isn't charged. Raises as `adoptable`, and Refused where jobs are open there.
    """
    require_second_factor(actor)
    found = adoptable(actor=actor, allocation=allocation, name=name)
    if found.open_jobs:
        raise Refused(
            _("%(count)d jobs wait or run in this Slurm account.") % {"count": found.open_jobs},
            field="slurm_account",
            code="open_jobs",
            remedy=_("Adopt it when they have ended: they are not the allocation's."),
            figures={"open_jobs": found.open_jobs},
        )
    with transaction.atomic():
        allocation = Allocation.objects.select_for_update(of=("self",)).get(pk=allocation.pk)
        earlier = SlurmAccountBinding.objects.filter(allocation=allocation)
        last = earlier.order_by("-generation").first()
        earlier.update(blocked=True)
        binding = SlurmAccountBinding.objects.create(
            allocation=allocation,
            cluster=_cluster_of(allocation),
            generation=last.generation + 1 if last else 1,
            slurm_account=name,
            adopted=True,
            blocked=True,
            counted_before=found.counted,
        )
        audit.record(
            actor=actor,
            action="slurm_account_adopt",
            target=allocation,
            before={"slurm_account": last.slurm_account if last else ""},
            after={"slurm_account": name, "gpu_minutes": found.gpu_minutes, "users": found.users},
        )
        outbox.enqueue(
            topic="allocation_provision", payload={"allocation": allocation.code}, key=allocation.code
        )
    return binding


def _cluster_of(allocation: Allocation) -> Cluster:
    cluster = allocation.resource.cluster
    if cluster is None:
        raise IllegalState(_("This site has no cluster."), remedy=_("Connect its cluster first."))
    if allocation.state in ENDED:
        raise IllegalState(_("This allocation has ended."))
    return cluster


def _check_name(cluster: Cluster, name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidInput(
            _("“%(name)s” can't be a Slurm account.") % {"name": name},
            field="slurm_account",
            remedy=_("Write it as “sacctmgr show account” does."),
        )
    if name in {"root", parent_account()}:
        raise InvalidInput(
            _("%(name)s stands above others and can't be one allocation's.") % {"name": name},
            field="slurm_account",
            remedy=_("Adopt a Slurm account without others below it."),
        )
    if SlurmAccountBinding.objects.filter(cluster=cluster, slurm_account=name).exists():
        raise IllegalState(
            _("%(name)s is an allocation's already.") % {"name": name},
            field="slurm_account",
            remedy=_("A Slurm account is never used for another allocation: choose another one."),
        )


def _look(allocation: Allocation, cluster: Cluster, name: str) -> Adoptable:
    slurm = Slurm(cluster)
    slurm.load_all()
    found, account = slurm.associations(name), slurm.account(name)
    if account is None or "" not in found:
        raise InvalidInput(
            _("The cluster has no Slurm account %(name)s.") % {"name": name},
            field="slurm_account",
            remedy=_("Check the spelling with “sacctmgr show account”."),
        )
    below = slurm.below(name)
    if below:
        raise InvalidInput(
            _("Other Slurm accounts stand below %(name)s: %(below)s.")
            % {"name": name, "below": ", ".join(below[:5])},
            field="slurm_account",
            remedy=_("Adopt a Slurm account without others below it."),
        )
    counted, users = _counted(slurm, name), sorted(set(found) - {""})
    want, in_place = desired(allocation), changes_in_place(cluster)
    minutes = want.limit_minutes + (counted // 60 if in_place else 0)
    change = f"sacctmgr modify account where name={name} cluster={cluster.slurm_name} set"
    return Adoptable(
        name=name,
        description=account.description,
        organization=account.organization,
        parent=found[""].parent,
        gpu_minutes=found[""].limits.gpu_minutes,
        users=users,
        shut_out=sorted(set(users) - set(want.logins)),
        open_jobs=sum(not job.state.is_terminal for job in slurm.jobs(name)),
        counted=counted,
        will_be_minutes=minutes,
        by_hand="" if in_place else f"{change} RawUsage=0; {change} GrpTRESMins={GPU}={minutes}",
    )


def _counted(slurm: Slurm, name: str) -> int:
    """What Slurm has counted against the limit so far. Old releases don't tell: there it is reset."""
    if not slurm.client.capabilities.has_shares_usage:
        return 0
    for share in slurm.client.shares(slurm.token):
        if share.name == name and not share.is_user:
            return share.usage_seconds.get(GPU, 0)
    return 0
