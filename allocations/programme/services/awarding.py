"""From what was decided to an award: one gate and one way for decisions, the waiting list and appeals."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db.models import F, Sum
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation, Award
from allocations.awards.services import allocation_supplement, award_make, award_withhold
from allocations.awards.transitions import ENDED
from allocations.programme.checks import require_eligible, require_placeable
from allocations.programme.models import (
    AllocationRequest,
    CallBudget,
    Decision,
    Fulfilment,
    RequestLine,
    TrackVersion,
    WaitingEntry,
)
from allocations.programme.services.consents import require_consent
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.errors import Refused
from portal.foundation.formats import hours
from portal.people.models import User


def require_grantable(request: AllocationRequest, resources: Iterable[Resource]) -> None:
    """What must hold whenever an award is made of a request. Raises InvalidInput.

    The project, its organisation and the resource stand as they did at submission, the project's data may
    be at the site, and the site has consented where the track asks it. Capacity and quotas are asked by the
    award itself.
    """
    resources = list(resources)
    require_eligible(request, resources)
    require_placeable(request, resources)
    require_consent(request, resources)


def require_budget(request: AllocationRequest, wanted: Mapping[Resource, int]) -> None:
    """Raises Refused (`over_budget`) where a call's budget of a resource has less left than is `wanted`.

    Where it names none of a resource, nothing bounds that. Its rows are locked until the transaction ends:
    two awards of one call mustn't both take its last GPU-hours.
    """
    if request.call_id is None:
        return
    amounts = {resource.pk: amount for resource, amount in wanted.items()}
    budgets = CallBudget.objects.select_for_update().filter(call=request.call_id).order_by("pk")
    for budget in budgets:
        granted = granted_within(budget.call_id, budget.resource_id)
        more = amounts.get(budget.resource_id, 0)
        if more and granted + more > budget.gpu_seconds:
            raise Refused(
                _("The call has %(left)s GPU-hours of %(resource)s left.")
                % {"left": hours(budget.gpu_seconds - granted), "resource": budget.resource},
                field="gpu_hours",
                code="over_budget",
                remedy=_("Grant less, or raise the call's budget."),
                figures={"budget": budget.gpu_seconds, "granted": granted},
            )


def granted_within(call_id: int, resource_id: int) -> int:
    """GPU-seconds of a resource that a call's requests were granted: awarded, or waiting to be.

    What was on the waiting list and will never be served doesn't count.
    """
    awarded = Fulfilment.objects.filter(
        decision__request__call=call_id, award__allocation__resource=resource_id
    ).aggregate(total=Sum("award__gpu_seconds"))
    waiting = still_waiting(decision_line__decision__request__call=call_id, resource=resource_id)
    return (awarded["total"] or 0) + waiting


def still_waiting(**places: Any) -> int:
    """GPU-seconds that wait to be awarded; `places` filter whose."""
    waiting = WaitingEntry.objects.filter(state=WaitingEntry.State.WAITING, **places)
    rest = waiting.aggregate(total=Sum(F("gpu_seconds") - F("served_gpu_seconds")))["total"]
    return rest or 0


def running_allocation(decision: Decision, line: RequestLine) -> Allocation | None:
    """The allocation that the line feeds, while it runs: the latest, should there be several."""
    awards = Award.objects.filter(
        fulfilment__decision=decision, fulfilment__line=line, allocation__ends_on__gte=clock.today()
    )
    award = awards.exclude(allocation__state__in=ENDED).select_related("allocation").order_by("pk").last()
    return award.allocation if award else None


def award_more(
    *,
    decision: Decision,
    line: RequestLine,
    resource: Resource,
    gpu_seconds: int,
    starts_on: date,
    ends_on: date,
    actor: User | None,
    reason: str,
    key: str,
    by_quarter: dict[str, int] | None = None,
    on_appeal: bool = False,
) -> None:
    """Award what a decided line still lacks: it joins the line's allocation while that runs, or opens one.

    The period counts only for one that it opens. As with the decision's own awards, what the track keeps
    back for later instalments is. Who asked `require_grantable` calls it, in one transaction. Raises Refused
    (`over_capacity`, `over_quota`).
    """
    allocation = running_allocation(decision, line)
    if allocation is not None:
        award = allocation_supplement(
            allocation=allocation,
            gpu_seconds=gpu_seconds,
            actor=actor,
            reason=reason,
            key=key,
            by_quarter=by_quarter,
        )
        if award is None:  # done before
            return
    else:
        award = award_make(
            actor=actor,
            project=decision.request.project,
            resource=resource,
            gpu_seconds=gpu_seconds,
            starts_on=starts_on,
            ends_on=ends_on,
            by_quarter=by_quarter,
            reason=reason,
        )
    Fulfilment.objects.create(award=award, decision=decision, line=line, on_appeal=on_appeal)
    keep_back(award, decision.request.track_version)


def keep_back(award: Award, version: TrackVersion | None) -> None:
    """What goes beyond the first instalment, where the track that it is awarded on pays in instalments."""
    if version is not None and version.first_instalment_percent < 100:
        award_withhold(award=award, first_percent=version.first_instalment_percent)
