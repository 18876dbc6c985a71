"""Which floors keep anything back today: what they stood unused since they are enforced, played back.

Nothing of this is stored: it follows from quotas, capacity, outages and the ledger, so that it can be told
again for any floor and day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Min

from allocations.awards.quotas.calendar import Commitment, commitments, days_of, per_day
from allocations.awards.quotas.figures import Figures, awardable_of, capacities_of
from allocations.awards.quotas.floors import LAPSES_AFTER_DAYS, Claim, Watch
from allocations.awards.quotas.groups import members_of
from allocations.awards.quotas.models import Quota
from portal.foundation import clock
from portal.foundation.clock import Quarter, quarters_between

# What lies further back has left the twelve months that count, and those before them.
LOOK_BACK = timedelta(days=730)


@dataclass(frozen=True)
class Standing:
    """How a floor stands today. One that doesn't stand has lapsed: it keeps nothing back at present."""

    unused_days: float
    stands: bool

    @property
    def days_left(self) -> float:
        """So many more unused days until it lapses."""
        return max(LAPSES_AFTER_DAYS - self.unused_days, 0)


def standings(floors: Sequence[Quota]) -> dict[str, Standing]:
    """How enforced floors stand today, by code. Those of each resource, and of all together, are one set.

    A number of queries that doesn't depend on how many floors there are.
    """
    if not floors:
        return {}
    today = clock.today()
    since = _enforced_since(floors)
    first = max(min([*since.values(), today]), today - LOOK_BACK)
    figures = Figures(awardable_of(capacities_of(floors, quarters_between(first, today))))
    held, members = commitments(None, first, today), members_of(floors)
    found: dict[str, Standing] = {}
    for scope in {quota.resource_id for quota in floors}:
        within = [quota for quota in floors if quota.resource_id == scope]
        there = [one for one in held if scope in {None, one.resource_id}]
        found |= _played(_Days(within, figures, there, members, first, today), since)
    return found


def _played(days: "_Days", since: dict[str, date]) -> dict[str, Standing]:
    """How floors of one scope stand after all days but the last, which is today."""
    watch = Watch()
    for day in days_of(days.first, days.last - timedelta(days=1)):
        claims = [claim for claim in days.claims(day) if since[claim.name] <= day]
        watch.close_day(claims, capacity=days.capacity(day), committed=days.committed(day))
    standing = {claim.name for claim in watch.standing(days.claims(days.last), days.capacity(days.last))}
    return {
        quota.code: Standing(watch.unused_days(quota.code), quota.code in standing) for quota in days.floors
    }


class _Days:
    """What there was, what was due and what was taken, day by day."""

    def __init__(
        self,
        floors: list[Quota],
        figures: Figures,
        held: list[Commitment],
        members: dict[str, set[int]],
        first: date,
        last: date,
    ) -> None:
        self.floors, self.first, self.last, self._figures = floors, first, last, figures
        self._all = per_day(held, first, last)
        self._taken = {quota.code: per_day(held, first, last, members[quota.code]) for quota in floors}

    def capacity(self, day: date) -> float:
        quarter = Quarter.of(day)
        return self._figures.capacity(self.floors[0], quarter) / quarter.days

    def committed(self, day: date) -> float:
        return self._all[(day - self.first).days]

    def claims(self, day: date) -> list[Claim]:
        quarter = Quarter.of(day)
        return [
            Claim(
                quota.code,
                quota.dimension,
                self._figures.target(quota, quarter) / quarter.days,
                self._taken[quota.code][(day - self.first).days],
            )
            for quota in self.floors
            if quota.holds_in(quarter)
        ]


def _enforced_since(floors: Sequence[Quota]) -> dict[str, date]:
    """The first day on which each floor, or an earlier row of its series, was enforced."""
    begun = dict(
        Quota.objects.filter(series__in={quota.series for quota in floors}, enforced=True)
        .order_by()
        .values_list("series")
        .annotate(Min("created_at"))
    )
    return {
        quota.code: max(
            clock.day_of(begun.get(quota.series, quota.created_at)),
            Quarter.parse(quota.from_quarter).first_day,
        )
        for quota in floors
    }
