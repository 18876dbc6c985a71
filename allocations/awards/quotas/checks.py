"""May this award be made? Caps and floors, asked in the award's own transaction.

The rows of every quota in question are locked first, in order of id and before any ledger account: awards
that the same cap counts come one after the other, and each sees what those before it took.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from allocations.awards.quotas.figures import Figures, figures_of
from allocations.awards.quotas.floors import Claim, binding, withheld
from allocations.awards.quotas.groups import groups_of, name_of
from allocations.awards.quotas.lapses import standings
from allocations.awards.quotas.models import Quota
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter, quarters_between
from portal.foundation.errors import Refused
from portal.foundation.formats import hours

Portions = Mapping[Quarter, int]


@dataclass(frozen=True)
class Excess:
    """A quota that an award would break: what is wanted of a quarter, and what the quota leaves free."""

    quota: Quota
    quarter: Quarter
    wanted: int
    free: int


def require_within(
    *, project: Project, resource: Resource, portions: Portions, override: bool = False
) -> list[str]:
    """Lock the quotas that bear on an award, and raise Refused (code `over_quota`) where it would break one.

    With `override` it may; returns the codes of the quotas that it breaks, for the audit. Call it in the
    transaction of the award, before anything of the ledger is locked.
    """
    quotas = lock([resource], portions)
    excesses = check_award(quotas, project=project, resource=resource, portions=portions)
    if excesses and not override:
        raise _over_quota(excesses)
    return sorted({excess.quota.code for excess in excesses})


def quotas_check(
    project: Project, resource: Resource, quarters: Iterable[Quarter]
) -> Callable[[Portions], None]:
    """Lock the quotas that bear on these quarters now, and ask them when the figures are known.

    What a change takes of later quarters is only known under the ledger's locks, which come after these.
    Returns what raises Refused (code `over_quota`) where such portions would break one.
    """
    quotas = lock([resource], quarters)

    def check(portions: Portions) -> None:
        if excesses := check_award(quotas, project=project, resource=resource, portions=portions):
            raise _over_quota(excesses)

    return check


def lock(resources: Iterable[Resource], quarters: Iterable[Quarter]) -> list[Quota]:
    """Lock every enforced quota that bears on these resources and quarters, in order of id.

    Whoever makes several awards in one transaction locks for all of them first.
    """
    wanted = enforced_for(resources, quarters)
    while True:
        locked = list(wanted.select_for_update(of=("self",), no_key=True).order_by("pk"))
        # While we waited one may have been replaced: its follower is not among those that we locked.
        if [quota.pk for quota in locked] == list(wanted.order_by("pk").values_list("pk", flat=True)):
            return locked


def quotas_lock(awards: Iterable[tuple[Resource, date, date]]) -> None:
    """For whoever makes several awards in one transaction: lock all quotas that bear on any of them, first.

    An award is a resource with its first and last day.
    """
    asked = list(awards)
    if asked:
        quarters = {quarter for _, first, last in asked for quarter in quarters_between(first, last)}
        lock([resource for resource, _, _ in asked], quarters)


def enforced_for(resources: Iterable[Resource], quarters: Iterable[Quarter]) -> QuerySet[Quota]:
    """The quotas in force for any of these resources in any of these quarters."""
    return in_force(quarters).filter(Q(resource=None) | Q(resource__in=list(resources)), enforced=True)


def in_force(quarters: Iterable[Quarter]) -> QuerySet[Quota]:
    """Quotas, enforced or reported, that hold in any of these quarters."""
    names = sorted(str(quarter) for quarter in quarters)
    first, last = names[0], names[-1]
    return Quota.objects.filter(
        Q(until_quarter="") | Q(until_quarter__gte=first), ended_at=None, from_quarter__lte=last
    ).select_related("resource__site")


def check_award(
    quotas: Sequence[Quota], *, project: Project, resource: Resource, portions: Portions
) -> list[Excess]:
    """What an award would break, caps first. Reads only: who calls holds the locks."""
    if not quotas:
        return []
    figures, groups = figures_of(quotas, portions), groups_of(project)
    return [
        *_over_caps(quotas, figures, groups, portions),
        *_into_floors(quotas, figures, groups, portions),
    ]


def _over_caps(
    quotas: Sequence[Quota], figures: Figures, groups: set[tuple[str, str]], portions: Portions
) -> list[Excess]:
    return [
        Excess(quota, quarter, wanted, max(free, 0))
        for quota in quotas
        if quota.kind == Quota.Kind.CAP and quota.group in groups
        for quarter, wanted in sorted(portions.items())
        if quota.holds_in(quarter)
        and wanted > (free := figures.target(quota, quarter) - figures.granted_to(quota, quarter))
    ]


def _into_floors(
    quotas: Sequence[Quota], figures: Figures, groups: set[tuple[str, str]], portions: Portions
) -> list[Excess]:
    """Floors of one resource are kept out of its pool, floors of all resources out of all pools together."""
    floors = {quota.code: quota for quota in quotas if quota.kind == Quota.Kind.FLOOR}
    standing = {code for code, each in standings(list(floors.values())).items() if each.stands}
    found: list[Excess] = []
    for scope in {quota.resource_id for quota in floors.values()}:
        within = [quota for quota in floors.values() if quota.resource_id == scope]
        outside = [quota for quota in within if quota.code in standing and quota.group not in groups]
        for quarter, wanted in sorted(portions.items()):
            claims = [claim_of(quota, figures, quarter) for quota in outside if quota.holds_in(quarter)]
            free = figures.free_for(within[0], quarter) - int(withheld(claims))
            most = max(binding(claims), key=lambda claim: claim.reserved, default=None)
            if most is not None and most.reserved and wanted > free:
                found.append(Excess(floors[most.name], quarter, wanted, max(free, 0)))
    return found


def claim_of(quota: Quota, figures: Figures, quarter: Quarter) -> Claim:
    """What a floor keeps of a quarter: days that are over can't be kept for anybody any more."""
    target, taken = figures.target(quota, quarter), figures.granted_to(quota, quarter)
    left = max((quarter.last_day - max(clock.today(), quarter.first_day)).days + 1, 0)
    ahead = target * left // quarter.days
    return Claim(quota.code, quota.dimension, ahead, max(taken - (target - ahead), 0))


def _over_quota(excesses: list[Excess]) -> Refused:
    first = excesses[0]
    figures: dict[str, Any] = {
        "quota": first.quota.code,
        "quarter": str(first.quarter),
        "wanted": first.wanted,
        "free": first.free,
        "quotas": sorted({excess.quota.code for excess in excesses}),
    }
    words = {
        "group": name_of(first.quota.dimension, first.quota.value),
        "quarter": first.quarter,
        "wanted": hours(first.wanted),
        "free": hours(first.free) or "0",
    }
    if first.quota.kind == Quota.Kind.CAP:
        message = _("The cap of “%(group)s” leaves %(free)s GPU-hours of %(quarter)s; %(wanted)s are wanted.")
    else:
        message = _(
            "With what is kept for “%(group)s”, %(free)s GPU-hours of %(quarter)s are free; %(wanted)s are "
            "wanted."
        )
    return Refused(
        message % words,
        field="gpu_hours",
        code="over_quota",
        remedy=_("Award less, for another period or at another site, or record an override."),
        figures=figures,
    )
