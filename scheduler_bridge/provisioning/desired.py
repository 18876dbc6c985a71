"""What an allocation should look like in Slurm."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from allocations.awards.models import Allocation
from allocations.awards.transitions import ENDED, AllocationState
from allocations.ledger.selectors import balances_of
from scheduler_bridge.models import SiteLogin, SlurmAccountBinding
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

    def stands(self, binding: SlurmAccountBinding) -> bool:
        """Whether Slurm had just this when it was last read. Of a blocked account no login is asked."""
        return (
            (binding.slurm_account, binding.limit_minutes) == (self.slurm_account, self.limit_minutes)
            and binding.blocked == self.blocked
            and (self.blocked or binding.logins == list(self.logins))
        )


def desired(allocation: Allocation) -> Desired:
    """Budget: everything granted less everything returned, in whole minutes, rounded down."""
    return desired_of([allocation])[allocation.pk]


def desired_of(allocations: Iterable[Allocation], *, generation: int = 1) -> dict[int, Desired]:
    """What each should look like, by the allocation's id, in two queries however many they are."""
    allocations = list(allocations)
    standing = balances_of([allocation.code for allocation in allocations])
    logins = _logins(allocations)
    return {
        allocation.pk: Desired(
            slurm_account=f"tq{allocation.code.removeprefix('alc-')}g{generation}",
            limit_minutes=standing[allocation.code].committed // 60,
            logins=tuple(sorted(logins.get((allocation.project_id, allocation.resource.site_id), ()))),
            blocked=allocation.state not in USABLE,
        )
        for allocation in allocations
    }


def out_of_line() -> list[str]:
    """Codes of allocations that Slurm isn't known to have as they should be.

    They are still being set up, or bringing Slurm a change failed, or nobody was woken to do it.
    """
    allocations = (
        Allocation.objects.filter(resource__cluster__is_enabled=True)
        .filter(~Q(state__in=ENDED) | Q(bindings__blocked=False))
        .select_related("resource")
        .prefetch_related("bindings")
        .distinct()
        .order_by("pk")
    )
    wanted = desired_of(allocations)
    return [
        allocation.code
        for allocation in allocations
        if allocation.state == AllocationState.PROVISIONING
        or not any(wanted[allocation.pk].stands(binding) for binding in allocation.bindings.all())
    ]


def _logins(allocations: list[Allocation]) -> dict[tuple[int, int], list[str]]:
    """The logins of each project's active members at each site."""
    links = SiteLogin.objects.filter(
        user__is_active=True,
        user__project_roles__project__in={allocation.project_id for allocation in allocations},
        site__in={allocation.resource.site_id for allocation in allocations},
    )
    found: dict[tuple[int, int], list[str]] = {}
    for project, site, login in links.values_list("user__project_roles__project", "site", "login"):
        found.setdefault((project, site), []).append(login)
    return found
