"""Reading quotas: what they come to, what an award would do to them, what is committed week by week."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from allocations.awards.models import Allocation
from allocations.awards.quotas.calendar import commitments, per_day
from allocations.awards.quotas.checks import claim_of, in_force
from allocations.awards.quotas.figures import Figures, awardable_of, capacities_of, granted_by_quota
from allocations.awards.quotas.groups import endorsed_by, groups_of, names_of
from allocations.awards.quotas.lapses import Standing, standings
from allocations.awards.quotas.models import Dimension, ProjectEndorsement, Quota
from allocations.ledger.selectors import Balances, balances_of
from allocations.projects.models import Project
from datacenters.models import Capacity, Resource
from datacenters.outages import clipped, periods_of, seconds_of
from portal.foundation import clock
from portal.foundation.clock import Quarter, quarters_between
from portal.people.models import Endorsement, Organisation, OrganisationEndorsement, Programme
from portal.people.selectors import verified_organisations


def visible_to(user: Any) -> QuerySet[Quota]:
    """Quotas that hold or will: rules of the programme, for everybody who is signed in."""
    return rows_visible_to(user).filter(ended_at=None)


def rows_visible_to(user: Any) -> QuerySet[Quota]:
    """The same with the rows that have ended."""
    return Quota.objects.select_related("resource__site", "set_by", "ended_by")


def history_of(quota: Quota) -> QuerySet[Quota]:
    """Every row of its series, the latest first."""
    rows = Quota.objects.filter(series=quota.series).select_related("resource", "set_by", "ended_by")
    return rows.order_by("-pk")


def programmes_visible_to(user: Any) -> QuerySet[Programme]:
    """Every programme, for everybody who is signed in."""
    return Programme.objects.prefetch_related("coordinators")


def coordinated_by(user: Any) -> QuerySet[Programme]:
    return Programme.objects.filter(coordinators=user, closed_at=None)


def project_endorsements(programme: Programme) -> QuerySet[ProjectEndorsement]:
    """What it stands for at present, the latest first."""
    rows = ProjectEndorsement.objects.filter(ProjectEndorsement.in_force(), programme=programme)
    return rows.select_related("project__organisation", "endorsed_by")


def organisation_endorsements(programme: Programme) -> QuerySet[OrganisationEndorsement]:
    """The organisations for which it stands at present, the latest first."""
    rows = OrganisationEndorsement.objects.filter(OrganisationEndorsement.in_force(), programme=programme)
    return rows.select_related("organisation", "endorsed_by")


def endorsable_organisations(user: Any, programme: Programme) -> QuerySet[Organisation]:
    """What `user` may have it stand for: verified, not their own, not endorsed yet; of a programme of one
    sector those with a project there.
    """
    endorsed = organisation_endorsements(programme).values("organisation")
    found = verified_organisations().exclude(pk__in=user.organisation_ids).exclude(pk__in=endorsed)
    if programme.sector:
        found = found.filter(
            Exists(Project.objects.filter(organisation=OuterRef("pk"), sector__code=programme.sector))
        )
    return found


def endorsement_named(programme: Programme, code: str) -> Endorsement | None:
    """One of its endorsements, of an organisation or a project, that hasn't been withdrawn."""
    for kind in (OrganisationEndorsement, ProjectEndorsement):
        row = kind.objects.select_related("programme").filter(
            programme=programme, code=code, withdrawn_at=None
        )
        if found := row.first():
            return found
    return None


@dataclass(frozen=True)
class Share:
    """One quota in one quarter: its target, what its group has, and what an award would do to that.

    `effect` is the award's part that counts (0 where the project isn't in the group); `kept` is what an
    enforced floor that hasn't lapsed keeps back from others.
    """

    quota: Quota
    quarter: Quarter
    group: str
    target: int
    granted: int
    effect: int
    member: bool
    kept: int = 0
    standing: Standing | None = None

    @property
    def left(self) -> int:
        """Of a cap: what may still be awarded. Of a floor: what its group lacks. Never below 0."""
        return max(self.target - self.granted, 0)

    @property
    def after(self) -> int:
        """What would be left after the award; of a cap, below 0: it would be broken by so much."""
        return self.target - self.granted - self.effect

    @property
    def breaks(self) -> bool:
        return self.quota.kind == Quota.Kind.CAP and self.member and self.effect > 0 and self.after < 0


def shares(
    *,
    resource: Resource | None,
    quarters: Iterable[Quarter],
    project: Project | None = None,
    portions: Mapping[Quarter, int] | None = None,
) -> list[Share]:
    """How the quotas that bear on `resource` (None: on any) stand in these quarters.

    With `project` only caps that count it and all floors; `portions` is what an award to it would take.
    A constant number of queries, a few more where floors are enforced.
    """
    asked = sorted(quarters)
    bearing = in_force(asked)
    if resource is not None:
        bearing = bearing.filter(Q(resource=None) | Q(resource=resource))
    groups = groups_of(project) if project else set()
    quotas = [
        quota
        for quota in bearing
        if project is None or quota.kind == Quota.Kind.FLOOR or quota.group in groups
    ]
    return shares_of(quotas, quarters=asked, groups=groups, portions=portions)


def shares_of(
    quotas: Sequence[Quota],
    *,
    quarters: Iterable[Quarter],
    groups: Collection[tuple[str, str]] = (),
    portions: Mapping[Quarter, int] | None = None,
    with_standings: bool = True,
) -> list[Share]:
    """How these quotas stand; `groups` are those of the project whose award takes `portions`.

    Without `with_standings` nobody looks whether floors have lapsed, which takes ten queries more.
    """
    if not quotas:
        return []
    asked = sorted(quarters)
    names = names_of(quota.group for quota in quotas)
    figures = Figures(
        awardable_of(capacities_of(quotas, asked)),
        granted=granted_by_quota(quotas, [str(quarter) for quarter in asked]),
    )
    floors = [quota for quota in quotas if quota.kind == Quota.Kind.FLOOR and quota.enforced]
    standing = standings(floors) if with_standings else {}
    found = []
    for quota in quotas:
        stands, member = standing.get(quota.code), quota.group in groups
        for quarter in asked:
            if not quota.holds_in(quarter):
                continue
            keeps = stands is not None and stands.stands
            found.append(
                Share(
                    quota=quota,
                    quarter=quarter,
                    group=names[quota.group],
                    target=figures.target(quota, quarter),
                    granted=figures.granted_to(quota, quarter),
                    effect=(portions or {}).get(quarter, 0) if member else 0,
                    member=member,
                    kept=int(claim_of(quota, figures, quarter).reserved) if keeps else 0,
                    standing=stands,
                )
            )
    return found


@dataclass(frozen=True)
class ProgrammeQuarter:
    """A programme in one quarter, all resources together; `target` None where no quota is set for it.

    The target is what its floors come to, else its caps.
    """

    quarter: Quarter
    target: int | None
    granted: int


def programme_quarters(
    programmes: Iterable[Programme], quarters: Iterable[Quarter]
) -> dict[Programme, list[ProgrammeQuarter]]:
    """Target and granted of many programmes, in a number of queries that doesn't depend on how many."""
    asked, bodies = sorted(quarters), list(programmes)
    groups = {body: Quota(pk=-body.pk, dimension=Dimension.PROGRAMME, value=body.code) for body in bodies}
    granted = granted_by_quota(list(groups.values()), [str(quarter) for quarter in asked])
    targets = _targets(in_force(asked).filter(dimension=Dimension.PROGRAMME), asked)
    return {
        body: [
            ProgrammeQuarter(
                quarter,
                targets.get((body.code, quarter)),
                sum(
                    amount
                    for (_resource, name), amount in granted[groups[body].pk].items()
                    if name == str(quarter)
                ),
            )
            for quarter in asked
        ]
        for body in bodies
    }


def _targets(quotas: QuerySet[Quota], quarters: list[Quarter]) -> dict[tuple[str, Quarter], int]:
    """By group and quarter: what its floors come to, else its caps."""
    rows = list(quotas)
    figures = Figures(awardable_of(capacities_of(rows, quarters)))
    found: dict[str, dict[tuple[str, Quarter], int]] = {kind: {} for kind in Quota.Kind.values}
    for quota in rows:
        for quarter in quarters:
            if quota.holds_in(quarter):
                of_kind, key = found[quota.kind], (quota.value, quarter)
                of_kind[key] = of_kind.get(key, 0) + figures.target(quota, quarter)
    return found[Quota.Kind.CAP] | found[Quota.Kind.FLOOR]


def allocations_of(programme: Programme) -> QuerySet[Allocation]:
    """The allocations of everything that it stands for today, the latest first."""
    return Allocation.objects.select_related("project__organisation", "resource__site").filter(
        project__in=endorsed_by(Q(programme=programme))
    )


def totals_of(programme: Programme) -> Balances:
    """The sum of their balances, over all time."""
    codes = allocations_of(programme).order_by().values_list("code", flat=True)
    standing = balances_of(codes).values()
    names = [each.name for each in fields(Balances)]
    return Balances(**{name: sum(getattr(each, name) for each in standing) for name in names})


@dataclass(frozen=True)
class Week:
    """Seven days from `starts_on`: what may be used of a resource less outages, and what is committed."""

    starts_on: date
    capacity: int
    committed: int

    @property
    def over(self) -> int:
        """By how much more is committed than there is; 0 where it fits."""
        return max(self.committed - self.capacity, 0)


def commitments_by_week(resource: Resource, weeks: int = 26) -> list[Week]:
    """This week (from Monday) and those after it: commitments, spread evenly over each allocation's days,
    against the planned capacity less outages and reserve. Four queries.
    """
    first = clock.today() - timedelta(days=clock.today().weekday())
    last = first + timedelta(days=7 * weeks - 1)
    daily = per_day(commitments([resource], first, last), first, last)
    capacity = _capacity_per_day(resource, first, last)
    return [
        Week(
            first + timedelta(days=7 * number),
            round(sum(capacity[7 * number : 7 * number + 7])),
            round(sum(daily[7 * number : 7 * number + 7])),
        )
        for number in range(weeks)
    ]


def _capacity_per_day(resource: Resource, first: date, last: date) -> list[float]:
    """What is planned for each day, less that day's outages and the quarter's reserve."""
    quarters = quarters_between(first, last)
    rows = {
        row.quarter: row
        for row in Capacity.objects.filter(resource=resource, quarter__in=[str(each) for each in quarters])
    }
    out = periods_of([resource], clock.midnight(first), clock.midnight(last + timedelta(days=1)))[resource]
    days = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        row = rows.get(str(Quarter.of(day)))
        lost = seconds_of(clipped(out, clock.midnight(day), clock.midnight(day + timedelta(days=1))))
        planned = row.gpu_seconds * (100 - row.reserve_percent) / 100 if row else 0.0
        days.append(planned / Quarter.of(day).days * (1 - lost / 86_400))
    return days
