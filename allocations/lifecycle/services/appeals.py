"""Appeals: filed in time, heard by others than those who decided, and what follows where one is upheld."""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.awards.transitions import ENDED
from allocations.lifecycle.models import Appeal, AppealDecision, ChangeRequest
from allocations.lifecycle.policies import is_decider, seat_for_appeal
from allocations.lifecycle.services.announce import tell_appeal_decided, tell_appeal_filed, tell_deciders
from allocations.lifecycle.services.changes import locked as locked_change
from allocations.lifecycle.services.reports import version_of
from allocations.lifecycle.transitions import APPEAL, CHANGE, ChangeState
from allocations.programme.models import AllocationRequest, TrackStep
from allocations.programme.services import request_award_rest, request_reopen
from allocations.programme.services.reopening import shortfall
from allocations.programme.services.ties import has_a_say, requests_behind, ties_of_speaker
from allocations.programme.transitions import RequestState
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.people.models import User

APPEAL_DAYS = 30  # where no track's version says otherwise
Outcome = AppealDecision.Outcome


def is_appealable(subject: AllocationRequest | ChangeRequest) -> bool:
    """Whether it was declined, or granted in part, and nobody has appealed against that yet."""
    if isinstance(subject, ChangeRequest):
        refused = subject.state == ChangeState.DECLINED
    else:
        refused = subject.state == RequestState.DECLINED or (
            subject.state == RequestState.APPROVED and bool(shortfall(subject))
        )
    return refused and not subject.appeals.filter(round=subject.round).exists()


def last_day_to_appeal(subject: AllocationRequest | ChangeRequest) -> date:
    """The last day on which an appeal is taken; the track's version says how many there are."""
    version = (
        subject.track_version if isinstance(subject, AllocationRequest) else version_of(subject.allocation)
    )
    decided = subject.decided_at or clock.now()
    return clock.day_of(decided) + timedelta(days=version.appeal_days if version else APPEAL_DAYS)


@transaction.atomic
def appeal_file(*, actor: User, subject: AllocationRequest | ChangeRequest, grounds: str) -> Appeal:
    """Appeal against a decline or a partial award, once a decision, with grounds.

    Raises NotAllowed unless `actor` leads the project, IllegalState (nothing to appeal against, or too late,
    code `too_late`), InvalidInput.
    """
    subject = type(subject).objects.select_for_update(of=("self",)).get(pk=subject.pk)
    require(
        actor,
        "lifecycle.file_appeal",
        subject,
        message=_("Only a project's principal investigator and managers appeal."),
    )
    if not is_appealable(subject):
        raise IllegalState(
            _("There is nothing to appeal against here, or it was appealed against already."),
        )
    last_day = last_day_to_appeal(subject)
    if clock.today() > last_day:
        raise IllegalState(
            _("Appeals were taken until %(day)s.") % {"day": last_day},
            code="too_late",
            remedy=_("Ask anew: a new request may answer the reasons."),
        )
    if not grounds.strip():
        raise InvalidInput(
            _("The grounds are missing."),
            field="grounds",
            remedy=_("Say what was overlooked, or judged wrongly."),
        )
    appeal = Appeal.objects.create(
        request=subject if isinstance(subject, AllocationRequest) else None,
        change=subject if isinstance(subject, ChangeRequest) else None,
        round=subject.round,
        grounds=grounds.strip(),
        persons=_persons(subject),
        filed_by=actor,
    )
    _audit(appeal, "file", actor, {}, appeal.grounds)
    tell_appeal_filed(appeal)
    return appeal


@transaction.atomic
def appeal_withdraw(*, actor: User, appeal: Appeal) -> Appeal:
    """Take it back; the decision stands, and can't be appealed against again."""
    appeal = locked(appeal)
    require(actor, "lifecycle.file_appeal", appeal)
    _step(appeal, "withdraw", actor, "")
    return appeal


def _about(*, appeal: Appeal, **_: Any) -> list[AllocationRequest]:
    subject = appeal.subject
    if isinstance(subject, ChangeRequest):
        return requests_behind(subject.allocation, subject.target)
    return [subject]


@has_a_say(_about)
def appeal_decide(*, actor: User, appeal: Appeal, outcome: str, reason: str) -> Appeal:
    """Uphold or dismiss, with a reason; where two persons are needed, two have to say the same.

    Upheld, a declined request goes back to its decision and a declined change to its deciders, others than
    before; what a partial award lacks is awarded, through the gate of a decision. Raises NotAllowed (decided
    before, an interest, a conflict), SecondFactorNeeded, IllegalState, InvalidInput, and Refused where it
    isn't free.
    """
    appeal = locked(appeal)
    ties_of_speaker(actor, _about(appeal=appeal))
    message = None
    if is_decider(actor):
        message = _("An appeal is heard by others than those who decided, without an interest.")
    require(actor, "lifecycle.decide_appeal", appeal, message=message)
    require_second_factor(actor)
    action = "uphold" if outcome == Outcome.UPHELD else "dismiss"
    APPEAL.target(state=appeal.state, action=action)
    if not reason.strip():
        raise InvalidInput(
            _("A reason is needed."), field="reason", remedy=_("Say why: the project reads it.")
        )
    seat = seat_for_appeal(actor, appeal)
    AppealDecision.objects.create(
        appeal=appeal,
        decided_by=actor,
        on_behalf_of=None if seat == actor else seat,
        outcome=outcome,
        reason=reason.strip(),
    )
    if appeal.decisions.filter(outcome=outcome).count() < appeal.persons:
        _audit(appeal, "propose", actor, {}, reason.strip())
        return appeal
    if outcome == Outcome.UPHELD:
        _follow(appeal, actor, reason.strip())
    _step(appeal, action, actor, reason.strip())
    tell_appeal_decided(appeal, outcome, reason.strip())
    return appeal


def locked(appeal: Appeal) -> Appeal:
    """The appeal as it stands now, nobody else changing it until the transaction ends."""
    return Appeal.objects.select_for_update(of=("self",)).select_related("filed_by").get(pk=appeal.pk)


def _follow(appeal: Appeal, actor: User, reason: str) -> None:
    subject = appeal.subject
    if isinstance(subject, ChangeRequest):
        _reopen_change(subject, actor, reason)
    elif subject.state == RequestState.DECLINED:
        request_reopen(request=subject, actor=actor, reason=reason)
    else:
        request_award_rest(request=subject, actor=actor, reason=reason, key=f"appeal:{appeal.code}")


def _reopen_change(change: ChangeRequest, actor: User, reason: str) -> None:
    change = locked_change(change)
    others = ChangeRequest.objects.filter(
        allocation=change.allocation, kind=change.kind, state=ChangeState.REQUESTED
    )
    if change.allocation.state in ENDED or others.exists():
        raise IllegalState(
            _("The change can't be decided any more: the allocation has ended, or asks for another.")
        )
    before = change.snapshot("state", "round")
    change.state = CHANGE.target(state=change.state, action="reopen")
    change.round += 1
    change.decided_at = None
    change.store("state", "round", "decided_at")
    audit.record(
        actor=actor,
        action="change_reopen",
        target=change,
        before=before,
        after=change.snapshot("state", "round"),
        reason=reason,
    )
    tell_deciders(change)


def _persons(subject: AllocationRequest | ChangeRequest) -> int:
    if isinstance(subject, ChangeRequest):
        return max(subject.persons, 1)
    version = subject.track_version
    step = version.steps.filter(kind=TrackStep.Kind.DECISION).first() if version else None
    return min(step.persons, 2) if step else 1


def _step(appeal: Appeal, action: str, actor: User, reason: str) -> None:
    before = appeal.snapshot("state")
    appeal.state = APPEAL.target(state=appeal.state, action=action)
    appeal.decided_at = clock.now()
    appeal.store("state", "decided_at")
    _audit(appeal, action, actor, before, reason)


def _audit(appeal: Appeal, action: str, actor: User, before: dict[str, Any], reason: str) -> None:
    audit.record(
        actor=actor,
        action=f"appeal_{action}",
        target=appeal,
        before=before,
        after={**appeal.snapshot("state", "round"), "about": appeal.subject.code},
        reason=reason,
    )
