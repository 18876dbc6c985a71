"""Deciding about a request: approve in full or in part, decline, or return it with a question.

All three need a decider without an interest in the request, and a second factor.
"""

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Award
from allocations.awards.services import award_make
from allocations.programme.checks import require_placeable
from allocations.programme.models import AllocationRequest, Decision
from allocations.programme.policies import is_decider
from allocations.programme.services.announce import tell_project
from allocations.programme.services.requests import locked
from allocations.programme.transitions import REQUEST
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.foundation.formats import hours
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.foundation.units import hours_to_seconds
from portal.people.models import User

Outcome = Decision.Outcome


def request_decide(
    *,
    actor: User,
    request: AllocationRequest,
    outcome: str,
    gpu_hours: Decimal | None = None,
    reason: str = "",
    override: bool = False,
    override_reason: str = "",
) -> Decision:
    """The decision that `outcome` names, from what a form or the API sends; raises what that service does.

    `override_reason` counts only with `override`, which needs it.
    """
    if outcome == Outcome.DECLINED:
        return request_decline(actor=actor, request=request, reason=reason)
    if outcome == Outcome.RETURNED:
        return request_return(actor=actor, request=request, reason=reason)
    if gpu_hours is None:
        raise InvalidInput(_("Say how many GPU-hours you approve."), field="gpu_hours")
    if override and not override_reason.strip():
        raise InvalidInput(_("An override needs its reason."), field="override_reason")
    return request_approve(
        actor=actor,
        request=request,
        gpu_seconds=hours_to_seconds(gpu_hours),
        reason=reason,
        override_reason=override_reason if override else "",
    )


@transaction.atomic
def request_approve(
    *,
    actor: User,
    request: AllocationRequest,
    gpu_seconds: int,
    reason: str = "",
    override_reason: str = "",
) -> Decision:
    """Grant `gpu_seconds`, at most what was asked for; less needs a reason.

    The award begins today where the asked first day has passed. With `override_reason` it may go beyond what
    is free of the resource. Raises Refused (code `over_capacity`) where it would without one, InvalidInput
    for the amount, the reason, the data class or a period that is over, NotAllowed, SecondFactorNeeded,
    IllegalState.
    """
    request = _opened(actor, request, "approve")
    line = request.lines.all()[0]
    # A submitted request is complete: the form's checks and the table's see to it.
    assert line.resource and line.gpu_seconds and request.starts_on and request.ends_on  # noqa: S101, PT018
    if not 0 < gpu_seconds <= line.gpu_seconds:
        raise InvalidInput(
            _("The request asks for %(asked)s GPU-hours: more than that, or nothing, can't be approved.")
            % {"asked": hours(line.gpu_seconds)},
            field="gpu_hours",
            figures={"asked": line.gpu_seconds, "wanted": gpu_seconds},
        )
    if gpu_seconds < line.gpu_seconds:
        _require_reason(reason, _("Say why it is less than was asked for: the requester reads it."))
    if request.ends_on < clock.today():
        raise InvalidInput(_("The asked period is over."), remedy=_("Return the request for new dates."))
    require_placeable(request)
    award = award_make(
        actor=actor,
        project=request.project,
        resource=line.resource,
        gpu_seconds=gpu_seconds,
        starts_on=max(request.starts_on, clock.today()),
        ends_on=request.ends_on,
        reason=reason.strip(),
        override_reason=override_reason.strip(),
    )
    # An override that wasn't needed is none.
    override_reason = override_reason.strip() if award.oversubscribed else ""
    return _decide(actor, request, "approve", Outcome.APPROVED, reason, override_reason, award)


@transaction.atomic
def request_decline(*, actor: User, request: AllocationRequest, reason: str) -> Decision:
    """Say no, with a reason that the requester reads."""
    request = _opened(actor, request, "decline")
    _require_reason(reason, _("Say what would have to be different: the requester reads it."))
    return _decide(actor, request, "decline", Outcome.DECLINED, reason)


@transaction.atomic
def request_return(*, actor: User, request: AllocationRequest, reason: str) -> Decision:
    """Hand it back with a question; its project may change it and submit it again."""
    request = _opened(actor, request, "return")
    _require_reason(reason, _("Say what is to be answered or changed."))
    return _decide(actor, request, "return", Outcome.RETURNED, reason)


def _opened(actor: User, request: AllocationRequest, action: str) -> AllocationRequest:
    """The request, locked, once it is sure that `actor` may take this step now."""
    request = locked(request)
    message = None
    if is_decider(actor):
        message = _("Nobody decides about their own request, nor their own project's or organisation's.")
    require(actor, "programme.decide_request", request, message=message)
    require_second_factor(actor)
    REQUEST.target(state=request.state, action=action)
    return request


def _require_reason(reason: str, remedy: str) -> None:
    if not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason", remedy=remedy)


def _decide(
    actor: User,
    request: AllocationRequest,
    action: str,
    outcome: Outcome,
    reason: str,
    override_reason: str = "",
    award: Award | None = None,
) -> Decision:
    decision = Decision.objects.create(
        request=request,
        decided_by=actor,
        outcome=outcome,
        reason=reason.strip(),
        override_reason=override_reason,
        award=award,
    )
    before = request.snapshot("state")
    request.state = REQUEST.target(state=request.state, action=action)
    request.decided_at = decision.created_at
    request.store("state", "decided_at")
    after = request.snapshot("state")
    if award:
        after |= {
            "award": award.code,
            "allocation": award.allocation.code,
            "gpu_seconds": award.gpu_seconds,
            "oversubscribed": award.oversubscribed,
        }
    if override_reason:
        after["override_reason"] = override_reason
    audit.record(
        actor=actor,
        action=f"request_{action}",
        target=request,
        before=before,
        after=after,
        reason=reason.strip(),
    )
    tell_project(decision)
    return decision
