"""What the rules of reclamation come to at a moment: worked out here alone, for the dry run and for real.

For an allocation of the length L that could be used from S on, a rule checks at

    check = S + check_percent × L + outage time between S and check

so that time in which the resource gave nothing never counts against anybody. Held hours count as used.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Prefetch, QuerySet

from allocations.awards.models import Allocation
from allocations.awards.transitions import AllocationState
from allocations.ledger.selectors import Balances, balances_of
from allocations.lifecycle.models.reclaim import ReclaimCase, ReclaimRule, ReclaimRuleVersion
from allocations.lifecycle.reclaim_transitions import OPEN_CASE, CaseState, ExemptionState
from allocations.programme.models import Fulfilment
from datacenters.models import Resource
from datacenters.outages import Period, periods_of
from portal.foundation import clock

EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Finding:
    """One allocation under one rule, as things stand at `at`. Amounts are GPU-seconds.

    `step` is what is done with it now: an action of the case's machine, `warn` to open a case, or empty:
    nothing yet.
    """

    version: ReclaimRuleVersion
    allocation: Allocation
    balances: Balances
    case: ReclaimCase | None
    check_at: datetime
    out_seconds: int
    at: datetime

    @property
    def base(self) -> int:
        """What is granted and not returned."""
        return self.balances.committed

    @property
    def used(self) -> int:
        """What is spent, and what is held for jobs."""
        return self.balances.spent + self.balances.held

    @property
    def used_percent(self) -> float:
        """Rounded down to tenths: just below the threshold never looks like at it."""
        return self.used * 1000 // self.base / 10 if self.base else 100.0

    @property
    def is_below(self) -> bool:
        return bool(self.would_take) and self.used * 100 < self.version.used_below_percent * self.base

    @property
    def would_take(self) -> int:
        """Of what is neither used nor held, rounded down."""
        return self.balances.available * self.version.take_percent // 100

    @property
    def first_warning_at(self) -> datetime:
        return self.check_at - timedelta(days=self.version.first_warning_days)

    @property
    def due_at(self) -> datetime:
        """When hours are taken at the earliest: both warnings always come their days before."""
        if self.case is None:
            return max(self.check_at, self.at + timedelta(days=self.version.first_warning_days))
        due = max(self.check_at, self.case.due_at)
        if self.case.state == CaseState.WARNED:
            due = max(due, self.at + timedelta(days=self.version.second_warning_days))
        return due

    @property
    def is_held_up(self) -> bool:
        """A request to be exempted awaits its answer."""
        exemption = getattr(self.case, "exemption", None)
        return exemption is not None and exemption.state == ExemptionState.PENDING

    @property
    def step(self) -> str:
        if self.case is None:
            return "warn" if self.is_below and self.at >= self.first_warning_at else ""
        if self.case.state not in OPEN_CASE:
            return ""
        if not self.version.enforced or self.allocation.state != AllocationState.ACTIVE:
            return "drop"
        if not self.is_below:
            return "cure"
        if self.case.state == CaseState.WARNED:
            again_at = max(self.check_at, self.case.due_at) - timedelta(days=self.version.second_warning_days)
            return "warn_again" if self.at >= again_at else ""
        return "take" if self.at >= self.due_at and not self.is_held_up else ""


def findings(*, at: datetime | None = None, rule: ReclaimRule | None = None) -> list[Finding]:
    """What every rule, or one, finds now: all for which there is something to do or that have a case open.

    Rules that aren't enforced are asked too: what they find is for the dry run.
    """
    at = at or clock.now()
    rules = rules_with_versions()
    outages = Outages()
    found: list[Finding] = []
    for each in rules.filter(pk=rule.pk) if rule else rules:
        found += _found(each, at, outages)
    return found


def finding_of(case: ReclaimCase, *, at: datetime | None = None) -> Finding:
    """What a case comes to now."""
    current = case.rule.versions.order_by("-number")[0]
    candidate = _candidate(_version(case, current), case.allocation, case, Outages())
    return _findings([candidate], at or clock.now())[0]


def finding_for(version: ReclaimRuleVersion, allocation: Allocation, *, at: datetime) -> Finding:
    """What a version says of an allocation without a case."""
    return _findings([_candidate(version, allocation, None, Outages())], at)[0]


def rules_with_versions() -> QuerySet[ReclaimRule]:
    versions = ReclaimRuleVersion.objects.select_related("track", "resource", "made_by")
    return ReclaimRule.objects.prefetch_related(Prefetch("versions", versions))


def in_scope(version: ReclaimRuleVersion, *, at: datetime) -> QuerySet[Allocation]:
    """The active allocations that a version is about, those that still last at `at`."""
    scope = Allocation.objects.filter(state=AllocationState.ACTIVE, ends_on__gte=clock.day_of(at))
    if version.resource_id:
        scope = scope.filter(resource=version.resource_id)
    if version.track_id:
        of_track = Fulfilment.objects.filter(decision__request__track_version__track=version.track_id)
        scope = scope.filter(pk__in=of_track.values("award__allocation"))
    return scope.select_related("project__organisation", "resource__site").order_by("ends_on", "id")


class Outages:
    """The outages of resources, each asked for once."""

    def __init__(self) -> None:
        self._known: dict[int, list[Period]] = {}

    def of(self, resource: Resource) -> list[Period]:
        if resource.pk not in self._known:
            self._known[resource.pk] = periods_of([resource], *EVER)[resource]
        return self._known[resource.pk]


def check_moment(*, start: datetime, needed: timedelta, out: list[Period]) -> tuple[datetime, int]:
    """When `needed` has passed since `start` without outages, and the seconds of outages until then.

    `out` is in order and without overlaps.
    """
    lost = timedelta()
    for first, last in out:
        if first >= start + needed + lost:
            break
        lost += max(last, start) - max(first, start)
    return start + needed + lost, int(lost.total_seconds())


class _Candidate(NamedTuple):
    version: ReclaimRuleVersion
    allocation: Allocation
    case: ReclaimCase | None
    check_at: datetime
    out_seconds: int


def _found(rule: ReclaimRule, at: datetime, outages: Outages) -> list[Finding]:
    cases = ReclaimCase.objects.filter(rule=rule)
    still_open = cases.filter(state__in=OPEN_CASE).select_related(
        "version", "allocation__project__organisation", "allocation__resource__site", "exemption"
    )
    fresh = in_scope(rule.version, at=at).exclude(pk__in=cases.values("allocation"))
    known = [_candidate(_version(case, rule.version), case.allocation, case, outages) for case in still_open]
    new = [_candidate(rule.version, allocation, None, outages) for allocation in fresh]
    ahead = timedelta(days=rule.version.first_warning_days)
    found = _findings(known + [each for each in new if each.check_at - ahead <= at], at)
    return [finding for finding in found if finding.case or finding.step]


def _version(case: ReclaimCase, current: ReclaimRuleVersion) -> ReclaimRuleVersion:
    """A case keeps its version; a rule that takes no longer lets all of its cases go."""
    return case.version if current.enforced else current


def _candidate(
    version: ReclaimRuleVersion, allocation: Allocation, case: ReclaimCase | None, outages: Outages
) -> _Candidate:
    begins = clock.midnight(allocation.starts_on)
    length = clock.midnight(allocation.ends_on + timedelta(days=1)) - begins
    needed = max(length * version.check_percent / 100, timedelta(days=version.min_age_days))
    check_at, out_seconds = check_moment(
        start=max(begins, allocation.activated_at or begins),  # before, no job could come
        needed=needed,
        out=outages.of(allocation.resource),
    )
    return _Candidate(version, allocation, case, check_at, out_seconds)


def _findings(candidates: list[_Candidate], at: datetime) -> list[Finding]:
    standing = balances_of([each.allocation.code for each in candidates])
    return [
        Finding(
            version=each.version,
            allocation=each.allocation,
            balances=standing[each.allocation.code],
            case=each.case,
            check_at=each.check_at,
            out_seconds=each.out_seconds,
            at=at,
        )
        for each in candidates
    ]
