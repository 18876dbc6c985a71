"""What an allocation should look like in Slurm."""

from dataclasses import dataclass

from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from allocations.ledger.selectors import committed_limit
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.slurm_rest_client import AssociationLimits
from scheduler_bridge.slurm_rest_client.models import GPU

USABLE = {AllocationState.PROVISIONING, AllocationState.ACTIVE}


@dataclass(frozen=True)
class Desired:
    """One Slurm account with its budget in GPU-minutes, and the logins that may use it.

    `blocked`: nothing may be submitted and nothing pending may start; what runs may finish.
    """

    slurm_account: str
    limit_minutes: int
    logins: tuple[str, ...]
    blocked: bool

    @property
    def limits(self) -> AssociationLimits:
        """Every limit that the portal knows: a partial write would lift the others."""
        return AssociationLimits(
            group_tres_minutes={GPU: self.limit_minutes},
            max_active_jobs=0 if self.blocked else None,
            max_submit_jobs=0 if self.blocked else None,
        )


def desired(allocation: Allocation, *, generation: int = 1) -> Desired:
    """Budget: everything granted less everything returned, in whole minutes, rounded down."""
    return Desired(
        slurm_account=f"tq{allocation.code.removeprefix('alc-')}g{generation}",
        limit_minutes=committed_limit(allocation.code) // 60,
        logins=tuple(sorted(_logins(allocation))),
        blocked=allocation.state not in USABLE,
    )


def _logins(allocation: Allocation) -> list[str]:
    members = allocation.project.members.filter(user__is_active=True).values("user")
    logins = SiteLogin.objects.filter(site=allocation.resource.site, user__in=members)
    return list(logins.values_list("login", flat=True))
