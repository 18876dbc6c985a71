"""Deciding about a request: approve each line in full or in part, decline, or return it with a question.

All three need a decider without an interest or a conflict, and a second factor. Where a track asks for two
persons, the first proposes and the second confirms the very same.
"""

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.quotas.checks import quotas_lock
from allocations.programme.models import (
    AllocationRequest,
    Decision,
    Fulfilment,
    TrackStep,
)
from allocations.programme.policies import is_decider, seat_in
from allocations.programme.selectors import open_step_of
from allocations.programme.services._gate import locked_for_word, require_round
from allocations.programme.services.announce import tell_next_approver, tell_project
from allocations.programme.services.grants import Grant, Granted, checked, grant_award, proposed
from allocations.programme.services.steps import steps_stop
from allocations.programme.services.ties import has_a_say, of_request
from allocations.programme.services.waiting import waiting_begin
from allocations.programme.transitions import REQUEST
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.foundation.units import hours_to_seconds
from portal.people.models import User

Outcome = Decision.Outcome
ReasonCode = Decision.ReasonCode


def request_decide(
    *,
    actor: User,
    request: AllocationRequest,
    outcome: str,
    gpu_hours: Decimal | None = None,
    grants: list[Grant] | None = None,
    reason: str = "",
    override: bool = False,
    override_reason: str = "",
    round: int | None = None,
    **further: Any,
) -> Decision:
    """The decision that `outcome` names, from what a form or the API sends; raises what that service does.

    `override_reason` counts only with `override`, which needs it; `round` is the submission that was read.
    `further` are the keywords of the services.
    """
    if outcome == Outcome.DECLINED:
        kept = {name: further[name] for name in ("remedy", "reason_code") if further.get(name)}
        return request_decline(actor=actor, request=request, reason=reason, round=round, **kept)
    if outcome == Outcome.RETURNED:
        return request_return(actor=actor, request=request, reason=reason, round=round)
    if gpu_hours is None and grants is None:
        raise InvalidInput(_("Say how many GPU-hours you approve."), field="gpu_hours")
    if override and not override_reason.strip():
        raise InvalidInput(_("An override needs its reason."), field="override_reason")
    kept = {name: further[name] for name in ("conditions", "wait", "reason_code") if further.get(name)}
    return request_approve(
        actor=actor,
        request=request,
        gpu_seconds=None if gpu_hours is None else hours_to_seconds(gpu_hours),
        grants=grants,
        reason=reason,
        override_reason=override_reason if override else "",
        round=round,
        **kept,
    )


@has_a_say(of_request)
def request_approve(
    *,
    actor: User,
    request: AllocationRequest,
    gpu_seconds: int | None = None,
    grants: list[Grant] | None = None,
    reason: str = "",
    reason_code: str = "",
    conditions: str = "",
    override_reason: str = "",
    wait: bool = False,
    round: int | None = None,
) -> Decision:
    """Grant what `grants` say, line by line (or `gpu_seconds` of the only line), at most what was asked for.

    Less needs a reason. An award begins today where the asked first day has passed. Where the track asks for
    more persons, this is a proposal until the last of them has given the same word. With `override_reason`
    it may go beyond what is free of a resource; with `wait` what isn't free goes on the waiting list. `round`
    is the submission that was read: a form sent late decides no other. Raises Refused (codes `over_capacity`,
    `over_quota`, `over_budget`), InvalidInput for amounts, the reason, the data class, a site that hasn't
    consented or a period that is over, NotAllowed, SecondFactorNeeded, IllegalState (`other_round`).
    """
    request, seat = _opened(actor, request, "approve", round)
    _require_turn(request)
    grants = checked(request, proposed(request, gpu_seconds) if grants is None else grants, reason)
    earlier = _approvals(request)
    _require_same(earlier, grants)
    is_last = len(earlier) + 1 >= persons_needed(request)
    in_part = any(grant.gpu_seconds < (grant.line.gpu_seconds or 0) for grant in grants) or len(grants) < len(
        request.lines.all()
    )
    decision = Decision(
        request=request,
        round=request.round,
        decided_by=actor,
        on_behalf_of=None if seat == actor else seat,
        outcome=Outcome.APPROVED,
        reason_code=reason_code or (ReasonCode.IN_PART if in_part else ReasonCode.AS_ASKED),
        reason=reason.strip(),
        conditions=conditions.strip() or (earlier[0].conditions if earlier else ""),
        # Nobody overrides alone where several decide: a later word can't add it to what the first proposed.
        override_reason=override_reason.strip() if all(word.override_reason for word in earlier) else "",
    )
    return _approve(decision, grants, wait=wait, is_last=is_last)


@has_a_say(of_request)
def request_decline(
    *,
    actor: User,
    request: AllocationRequest,
    reason: str,
    remedy: str = "",
    reason_code: str = ReasonCode.OTHER,
    round: int | None = None,
) -> Decision:
    """Say no, with a reason that the requester reads, and `remedy`: what would have passed."""
    request, seat = _opened(actor, request, "decline", round)
    _require_reason(reason, _("Say what would have to be different: the requester reads it."))
    return _refuse(actor, seat, request, "decline", Outcome.DECLINED, reason, remedy, reason_code)


@has_a_say(of_request)
def request_return(
    *, actor: User, request: AllocationRequest, reason: str, round: int | None = None
) -> Decision:
    """Hand it back with a question; its project may change it and submit it again."""
    request, seat = _opened(actor, request, "return", round)
    _require_reason(reason, _("Say what is to be answered or changed."))
    return _refuse(actor, seat, request, "return", Outcome.RETURNED, reason, "", ReasonCode.QUESTION)


def decide_by_rule(request: AllocationRequest) -> Decision:
    """Grant all that is asked, as the track's rule does. Raises Refused where it isn't free.

    Called while the decision step is open and `request` is locked.
    """
    grants = checked(request, proposed(request, None), reason="")
    decision = Decision(
        request=request,
        round=request.round,
        outcome=Outcome.APPROVED,
        reason_code=ReasonCode.RULE,
        reason="",
    )
    with transaction.atomic():
        return _approve(decision, grants, wait=False, is_last=True)


def persons_needed(request: AllocationRequest) -> int:
    """How many persons must approve, as the version says that the request was filed under."""
    of_round = (step for step in request.steps.all() if step.round == request.round)
    return next((step.step.persons for step in of_round if step.kind == TrackStep.Kind.DECISION), 1)


def _opened(
    actor: User, request: AllocationRequest, action: str, round: int | None
) -> tuple[AllocationRequest, User]:
    """The request, locked, and the seat that `actor` speaks from, once it is sure that they may now."""
    request = locked_for_word(actor, request)
    message = None
    if is_decider(actor):
        message = _(
            "Nobody decides about their own request, nor their own project's or organisation's, "
            "nor after a conflict of interest, nor twice, nor as its reviewer."
        )
    require(actor, "programme.decide_request", request, message=message)
    require_second_factor(actor)
    REQUEST.target(state=request.state, action=action)
    require_round(request, round)
    seat = seat_in(actor, request)
    assert seat is not None  # noqa: S101 - the policy found one
    return request, seat


def _require_turn(request: AllocationRequest) -> None:
    """Raises IllegalState while an earlier step is open."""
    step = open_step_of(request)
    if step is not None and step.kind != TrackStep.Kind.DECISION:
        raise IllegalState(
            _("“%(step)s” isn't finished: it can't be approved yet.") % {"step": step.get_kind_display()},
            remedy=_("Finish that step first; declining and returning are possible at any time."),
            code="step_open",
        )


def _approvals(request: AllocationRequest) -> list[Decision]:
    words = request.decisions.filter(round=request.round, outcome=Outcome.APPROVED)
    return list(words.prefetch_related("lines").order_by("id"))


def _require_same(earlier: list[Decision], grants: list[Grant]) -> None:
    """Raises InvalidInput where the second person would grant something else than the first proposed."""
    if not earlier:
        return
    first = {
        # Days that have passed meanwhile change nothing of what was meant.
        (line.line_id, line.resource_id, line.gpu_seconds, max(line.starts_on, clock.today()), line.ends_on)
        for line in earlier[0].lines.all()
    }
    second = {
        (grant.line.pk, grant.resource.pk, grant.gpu_seconds, grant.starts_on, grant.ends_on)
        for grant in grants
    }
    if first != second:
        raise InvalidInput(
            _("The second person confirms what the first proposed."),
            field="gpu_hours",
            code="not_the_same",
            remedy=_("Confirm it as it stands, or return the request for another proposal."),
        )


def _require_reason(reason: str, remedy: str) -> None:
    if not reason.strip():
        raise InvalidInput(_("A reason is needed."), field="reason", remedy=remedy)


def _approve(decision: Decision, grants: list[Grant], *, wait: bool, is_last: bool) -> Decision:
    if is_last:
        quotas_lock([(grant.resource, grant.starts_on, grant.ends_on) for grant in grants])
    # In one order for all deciders: each award locks its resource's pools.
    granted = [
        grant_award(decision, grant, wait=wait) if is_last else Granted(grant.line_of(decision))
        for grant in sorted(grants, key=lambda grant: grant.resource.pk)
    ]
    overrode = any(each.award and (each.award.oversubscribed or each.award.overrode) for each in granted)
    if is_last and not overrode:
        decision.override_reason = ""  # An override that wasn't needed is none.
    decision.save()
    for each in granted:
        _keep(decision, each)
    if is_last:
        _end(decision, "approve", granted)
    else:
        _tell_first_word(decision, granted)
    return decision


def _keep(decision: Decision, granted: Granted) -> None:
    """The line, the award that fulfils it, and its place on the waiting list."""
    line = granted.line
    line.decision = decision
    line.save()
    if granted.award:
        Fulfilment.objects.create(award=granted.award, decision=decision, line=line.line)
    waiting_begin(line, by_quarter=granted.waiting)


def _tell_first_word(decision: Decision, granted: list[Granted]) -> None:
    audit.record(
        actor=decision.decided_by,
        action="request_propose",
        target=decision.request,
        after=_facts(decision, granted),
        reason=decision.reason,
    )
    tell_next_approver(decision)


def _refuse(
    actor: User,
    seat: User,
    request: AllocationRequest,
    action: str,
    outcome: Outcome,
    reason: str,
    remedy: str,
    reason_code: str,
) -> Decision:
    decision = Decision.objects.create(
        request=request,
        round=request.round,
        decided_by=actor,
        on_behalf_of=None if seat == actor else seat,
        outcome=outcome,
        reason_code=reason_code,
        reason=reason.strip(),
        remedy=remedy.strip(),
    )
    _end(decision, action, [])
    return decision


def _end(decision: Decision, action: str, granted: list[Granted]) -> None:
    """The request takes its step, its steps stop, the audit and the project are told."""
    request = decision.request
    before = request.snapshot("state")
    request.state = REQUEST.target(state=request.state, action=action)
    request.decided_at = decision.created_at
    request.store("state", "decided_at")
    steps_stop(request, actor=decision.decided_by, action="pass" if action == "approve" else "fail")
    after = {**request.snapshot("state"), **(_facts(decision, granted) if granted else {})}
    audit.record(
        actor=decision.decided_by,
        action=f"request_{action}",
        target=request,
        before=before,
        after=after,
        reason=decision.reason,
    )
    tell_project(decision)


def _facts(decision: Decision, granted: list[Granted]) -> dict[str, Any]:
    """What an approval comes to, for the audit."""
    facts: dict[str, Any] = {
        "gpu_seconds": sum(each.line.gpu_seconds for each in granted),
        "awards": [
            {
                "award": each.award.code,
                "allocation": each.award.allocation.code,
                "resource": each.line.resource.code,
                "gpu_seconds": each.award.gpu_seconds,
                "oversubscribed": each.award.oversubscribed,
            }
            for each in granted
            if each.award
        ],
    }
    if decision.on_behalf_of:
        facts["on_behalf_of"] = decision.on_behalf_of.code
    if decision.override_reason:
        facts["override_reason"] = decision.override_reason
    if waiting := sum(each.line.waiting_gpu_seconds for each in granted):
        facts["waiting"] = waiting
    return facts
