"""What an allocation should look like in Slurm. Read from the database alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from allocations.awards.models import Allocation
from allocations.awards.transitions import ENDED, AllocationState
from datacenters.models import Cluster
from scheduler_bridge.models import Job, JobRun, SiteLogin, SlurmAccountBinding
from scheduler_bridge.provisioning.budget import budgets_of, needing_the_rest
from scheduler_bridge.slurm_rest_client import AssociationLimits
from scheduler_bridge.slurm_rest_client.capabilities import capabilities_of
from scheduler_bridge.slurm_rest_client.models import GPU
from scheduler_bridge.transitions import JobState, LoginState

USABLE = {AllocationState.PROVISIONING, AllocationState.ACTIVE}
OPEN_TO = AssociationLimits()
SHUT = AssociationLimits(max_active_jobs=0, max_submit_jobs=0)


def parent_account() -> str:
    """The Slurm account under which all Slurm accounts of this installation stand."""
    return f"tq{settings.INSTALLATION}"


def account_name(allocation: Allocation, generation: int) -> str:
    return f"tq{allocation.code.removeprefix('alc-')}g{generation}"


def changes_in_place(cluster: Cluster) -> bool:
    """Whether Slurm changes the limits of a Slurm account: older ones say yes and don't."""
    return capabilities_of(cluster.api_version).account_limits_change_in_place


@dataclass(frozen=True)
class Desired:
    """One Slurm account with its budget in GPU-minutes, and the logins that may use it.

    `blocked`: nothing may be submitted and nothing pending may start; what runs may finish. `ended`: for
    good, and what is pending is cancelled. `earlier` are the Slurm accounts of earlier generations, blocked
    for good.

    Where limits can't be changed (`in_place` False) `settled_minutes` is the limit that this generation began
    with, as long as nothing but its own use has changed; `reopen` says that what earlier jobs left over is
    worth a new generation now.
    """

    slurm_account: str
    generation: int
    limit_minutes: int
    settled_minutes: int
    logins: tuple[str, ...]
    blocked: bool
    ended: bool
    in_place: bool
    adopted: bool = False
    reopen: bool = False
    earlier: tuple[str, ...] = ()

    @property
    def limits(self) -> AssociationLimits:
        """Every limit that the portal knows: a partial write would lift the others."""
        shut = self.blocked and self.in_place
        return AssociationLimits(
            group_tres_minutes={GPU: self.limit_minutes},
            max_active_jobs=0 if shut else None,
            max_submit_jobs=0 if shut else None,
        )

    @property
    def of_login(self) -> AssociationLimits:
        """A member's own limits. Where a Slurm account can't be blocked, each of its users is."""
        return SHUT if self.blocked and not self.in_place else OPEN_TO

    def fits(self, minutes: int | None) -> bool:
        """Whether a limit found in Slurm may stay."""
        if minutes == self.limit_minutes:
            return True
        if self.in_place or minutes is None:
            return False
        # While nothing can start the limit holds nothing: no generation is opened for it.
        return self.blocked or (minutes == self.settled_minutes and not self.reopen)

    def stands(self, bindings: Iterable[SlurmAccountBinding]) -> bool:
        """Whether Slurm had just this when it was last read. Of a blocked account no login is asked."""
        return any(
            binding.slurm_account == self.slurm_account
            and binding.verified_at is not None
            and self.fits(binding.limit_minutes)
            and binding.blocked == self.blocked
            and (self.blocked or binding.logins == list(self.logins))
            for binding in bindings
        )


def desired(allocation: Allocation) -> Desired:
    """What one allocation should look like."""
    return desired_of([allocation])[allocation.pk]


def desired_of(allocations: Iterable[Allocation]) -> dict[int, Desired]:
    """What each should look like, by the allocation's id, in a constant number of queries."""
    allocations = list(allocations)
    return _desired(allocations, bindings_of(allocations))


def _desired(
    allocations: Sequence[Allocation], bindings: dict[int, list[SlurmAccountBinding]]
) -> dict[int, Desired]:
    budgets = budgets_of(allocations, bindings)
    logins = _logins(allocations)
    worth = needing_the_rest(pk for pk, budget in budgets.items() if budget.rest >= 60)
    found = {}
    for allocation in allocations:
        mine, budget = bindings[allocation.pk], budgets[allocation.pk]
        current, cluster = mine[-1] if mine else None, allocation.resource.cluster
        found[allocation.pk] = Desired(
            slurm_account=current.slurm_account if current else account_name(allocation, 1),
            generation=current.generation if current else 1,
            limit_minutes=max(budget.whole, 0) // 60,
            settled_minutes=max(budget.whole - budget.rest, 0) // 60,
            logins=tuple(sorted(logins.get((allocation.project_id, allocation.resource.site_id), ()))),
            blocked=allocation.state not in USABLE,
            ended=allocation.state in ENDED,
            in_place=cluster is None or changes_in_place(cluster),
            adopted=bool(current and current.adopted),
            reopen=allocation.pk in worth,
            earlier=tuple(binding.slurm_account for binding in mine[:-1]),
        )
    return found


def bindings_of(allocations: Iterable[Allocation]) -> dict[int, list[SlurmAccountBinding]]:
    """Each allocation's generations, the present one last, by the allocation's id."""
    found: dict[int, list[SlurmAccountBinding]] = {allocation.pk: [] for allocation in allocations}
    for binding in SlurmAccountBinding.objects.filter(allocation__in=found).order_by("generation"):
        found[binding.allocation_id].append(binding)
    return found


def out_of_line() -> list[str]:
    """Codes of allocations that Slurm isn't known to have as they should be.

    They are still being set up, or bringing Slurm a change failed, or nobody was woken to do it, or a job
    waits in a Slurm account of an earlier generation.
    """
    allocations = list(
        Allocation.objects.filter(resource__cluster__is_enabled=True)
        .filter(~Q(state__in=ENDED) | Q(bindings__blocked=False))
        .select_related("resource__cluster")
        .annotate(stray=_waits_in_an_earlier_generation())
        .distinct()
        .order_by("pk")
    )
    bindings = bindings_of(allocations)
    wanted = _desired(allocations, bindings)
    return [
        allocation.code
        for allocation in allocations
        if allocation.state == AllocationState.PROVISIONING
        or (allocation.stray and not wanted[allocation.pk].blocked)
        or not wanted[allocation.pk].stands(bindings[allocation.pk])
    ]


def _waits_in_an_earlier_generation() -> Exists | Q:
    earlier = _earlier().values("slurm_account")
    runs = JobRun.objects.filter(allocation=OuterRef("pk"), charged=None, state="PENDING")
    jobs = Job.objects.filter(allocation=OuterRef("pk"), state=JobState.QUEUED)
    return Exists(runs.filter(slurm_account__in=earlier)) | Exists(jobs.filter(slurm_account__in=earlier))


def _earlier() -> QuerySet[SlurmAccountBinding]:
    later = SlurmAccountBinding.objects.filter(
        allocation=OuterRef("allocation"), generation__gt=OuterRef("generation")
    )
    return SlurmAccountBinding.objects.filter(Exists(later))


def _logins(allocations: Sequence[Allocation]) -> dict[tuple[int, int], set[str]]:
    """The logins of each project's active members at each site."""
    links = SiteLogin.objects.filter(
        user__is_active=True,
        user__project_roles__project__in={allocation.project_id for allocation in allocations},
        site__in={allocation.resource.site_id for allocation in allocations},
        state=LoginState.CONFIRMED,
    )
    found: dict[tuple[int, int], set[str]] = {}
    for project, site, login in links.values_list("user__project_roles__project", "site", "login"):
        found.setdefault((project, site), set()).add(login)
    return found
