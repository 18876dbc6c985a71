"""How each kind of change is decided: one row a kind, and how many persons a case needs.

People know four verbs; the kind follows from what they ask.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from django.db.models import F, QuerySet, Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation, Award
from allocations.ledger.selectors import balances, withheld_of
from allocations.lifecycle.models import ChangeKind, ChangeRequest
from allocations.lifecycle.transitions import ChangeState
from allocations.programme.by_rule import beyond_rule
from allocations.programme.models import AllocationRequest, TrackStep, TrackVersion
from allocations.programme.services.awarding import still_waiting
from allocations.programme.tracks import versions_in_force
from portal.foundation.formats import hours

EXPLORE = "explore"


@dataclass(frozen=True)
class Workflow:
    """The way of one kind. What stays within the bounds is granted at once; beyond them people decide.

    `by_right`: nobody need say yes. `most_percent` (of what people awarded), `within_explore` (the size of
    the Explore track) and `most_days` bound what rules grant an allocation in all; `alike`: by rule only to
    the same resource, and to where they end no later. `by_rule` False: people always decide.
    """

    by_right: bool = False
    by_rule: bool = True
    most_percent: int | None = None
    within_explore: bool = False
    most_days: int | None = None
    alike: bool = False


WORKFLOWS = {
    ChangeKind.GIVE_BACK: Workflow(by_right=True),
    ChangeKind.SUPPLEMENT: Workflow(most_percent=25, within_explore=True),
    ChangeKind.EXTENSION: Workflow(most_days=30),
    ChangeKind.TRANSFER: Workflow(alike=True),
    # Hours of a later instalment before its report: never by rule, for the report is why they wait.
    ChangeKind.ADVANCE: Workflow(by_rule=False),
}


@dataclass
class Judgement:
    """How many persons must approve (0: none), and why a rule doesn't."""

    persons: int
    beyond: list[str] = field(default_factory=list)


def kind_of(allocation: Allocation, verb: str, *, gpu_seconds: int | None = None) -> ChangeKind:
    """The kind that a verb comes to. More, while at least so much waits for a report, is an advance."""
    if verb == "more":
        withheld = withheld_of([allocation.code])[allocation.code]
        return ChangeKind.ADVANCE if gpu_seconds and gpu_seconds <= withheld else ChangeKind.SUPPLEMENT
    return {
        "longer": ChangeKind.EXTENSION,
        "move": ChangeKind.TRANSFER,
        "give_back": ChangeKind.GIVE_BACK,
    }[verb]


def judge(
    allocation: Allocation,
    kind: ChangeKind,
    *,
    gpu_seconds: int | None,
    ends_on: date | None,
    target: Allocation | None,
) -> Judgement:
    """Whether a rule grants this, and how many persons must where none does."""
    way = WORKFLOWS[kind]
    if way.by_right:
        return Judgement(0)
    beyond = [] if way.by_rule else [_("People decide about hours that wait for a report.")]
    if way.most_percent is not None and gpu_seconds:
        beyond += _beyond_amount(allocation, way, gpu_seconds)
    if way.most_days is not None and ends_on:
        beyond += _beyond_days(allocation, way.most_days, ends_on)
    if way.alike and target:
        beyond += _unlike(allocation, target)
    # What is moved makes the other allocation larger, not this one.
    return Judgement(persons_for(target or allocation, kind, gpu_seconds) if beyond else 0, beyond)


def persons_for(allocation: Allocation, kind: ChangeKind, gpu_seconds: int | None) -> int:
    """As many as would decide about a request of the size that the allocation comes to: one or two."""
    size = balances(allocation.code).committed
    if kind in (ChangeKind.SUPPLEMENT, ChangeKind.TRANSFER):
        size += gpu_seconds or 0
    version = next(
        (
            version
            for version in versions_in_force()
            if not version.by_choice and (version.max_gpu_seconds is None or size <= version.max_gpu_seconds)
        ),
        None,
    )
    return min(_persons_of(version), 2) if version else 1


def _persons_of(version: TrackVersion) -> int:
    return next((step.persons for step in version.steps.all() if step.kind == TrackStep.Kind.DECISION), 1)


def _unlike(allocation: Allocation, target: Allocation) -> list[str]:
    """What keeps a rule from moving GPU-hours: they would go elsewhere, or live longer than was granted."""
    beyond = []
    if target.resource_id != allocation.resource_id:
        beyond.append(_("It goes to another resource."))
    if target.ends_on > allocation.ends_on:
        beyond.append(
            _("The GPU-hours would last until %(later)s instead of %(day)s: that is an extension.")
            % {"later": date_format(target.ends_on, "j M Y"), "day": date_format(allocation.ends_on, "j M Y")}
        )
    return beyond


def _beyond_amount(allocation: Allocation, way: Workflow, gpu_seconds: int) -> list[str]:
    by_rule = _granted_by_rule(allocation)
    beyond = []
    most = (awarded([allocation]) - by_rule.amount) * (way.most_percent or 0) // 100
    if by_rule.amount + gpu_seconds > most:
        beyond.append(
            _("A rule grants at most %(percent)s %% of the award: %(most)s GPU-hours in all.")
            % {"percent": way.most_percent, "most": hours(most)}
        )
    if way.within_explore:
        beyond += _beyond_explore(allocation, by_rule.amount, gpu_seconds)
    return beyond


def _beyond_explore(allocation: Allocation, by_rule: int, gpu_seconds: int) -> list[str]:
    """A rule grants no more than Explore does: neither to this allocation nor to the organisation."""
    explore = next((version for version in versions_in_force() if version.track.code == EXPLORE), None)
    beyond = []
    most = explore.max_gpu_seconds if explore else 0
    if most is not None and by_rule + gpu_seconds > most:
        beyond.append(
            _("A rule grants at most what an Explore request may ask for: %(most)s GPU-hours in all.")
            % {"most": hours(most)}
        )
    of_organisation = beyond_rule(
        organisation_id=allocation.project.organisation_id,
        gpu_seconds=gpu_seconds,
        most=explore.rule_gpu_seconds if explore else None,
    )
    return [*beyond, of_organisation] if of_organisation else beyond


def awarded(allocations: Collection[Allocation] | QuerySet[Allocation]) -> int:
    """GPU-seconds that were awarded to them: without what was moved there, whatever they gave away since.

    What comes from another resource is written as an award, too; it was awarded there.
    """
    here = Award.objects.filter(allocation__in=allocations).aggregate(total=Sum("gpu_seconds"))["total"]
    moved = ChangeRequest.objects.filter(
        target__in=allocations, kind=ChangeKind.TRANSFER, state=ChangeState.APPROVED
    ).exclude(allocation__resource=F("target__resource"))
    return (here or 0) - (moved.aggregate(total=Sum("gpu_seconds"))["total"] or 0)


def awarded_in_all(allocation: Allocation) -> int:
    """GPU-seconds that the request behind it came to: awarded to any of its allocations, or waiting to be."""
    behind = AllocationRequest.objects.filter(decisions__fulfilments__award__allocation=allocation)
    # What waits comes first: what is served between the two is counted twice rather than not at all.
    waiting = still_waiting(decision_line__decision__request__in=behind)
    fed = Allocation.objects.filter(awards__fulfilment__decision__request__in=behind)
    return waiting + awarded(fed)


def _beyond_days(allocation: Allocation, most: int, ends_on: date) -> list[str]:
    days = (ends_on - allocation.ends_on).days + _granted_by_rule(allocation).days
    if days <= most:
        return []
    return [_("A rule grants at most %(most)s days in all.") % {"most": most}]


@dataclass(frozen=True)
class ByRule:
    """What rules granted an allocation so far."""

    amount: int
    days: int


def _granted_by_rule(allocation: Allocation) -> ByRule:
    granted = ChangeRequest.objects.filter(allocation=allocation, state=ChangeState.APPROVED, persons=0)
    amount = granted.filter(kind=ChangeKind.SUPPLEMENT).aggregate(total=Sum("gpu_seconds"))["total"]
    days = sum(
        (after - before).days
        for before, after in granted.filter(kind=ChangeKind.EXTENSION).values_list("ended_on", "ends_on")
        if before and after
    )
    return ByRule(amount or 0, days)
