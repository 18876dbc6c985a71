"""Asking to keep unused hours, and the answer."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.lifecycle.models.reclaim import ReclaimCase, ReclaimExemption
from allocations.lifecycle.reclaim_transitions import EXEMPTION, OPEN_CASE, ExemptionState
from allocations.lifecycle.services.reclaim import case_end
from allocations.lifecycle.services.reclaim_announce import tell, tell_admins
from allocations.programme.models import AllocationRequest
from allocations.programme.services.ties import has_a_say, requests_behind, ties_of_speaker
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit
from portal.people.models import User


@transaction.atomic
def exemption_ask(*, actor: User, case: ReclaimCase, reason: str) -> ReclaimExemption:
    """Ask to keep the hours, once a case. Nothing is taken until an admin has answered.

    Raises NotAllowed, InvalidInput (reason) and IllegalState (the case has ended, or it was asked already).
    """
    case = _locked(case)
    require(actor, "lifecycle.ask_exemption", case)
    _need(reason, _("Say why the hours aren't used yet and when they will be."))
    if case.state not in OPEN_CASE:
        raise IllegalState(_("This case has ended."))
    if hasattr(case, "exemption"):
        raise IllegalState(_("An exemption was asked for already."))
    exemption = ReclaimExemption.objects.create(case=case, asked_by=actor, reason=reason.strip())
    audit.record(
        actor=actor, action="exemption_ask", target=case, after={"exemption": exemption.code}, reason=reason
    )
    tell_admins(case, reason=exemption.reason)
    return exemption


def _about(*, case: ReclaimCase, **_: Any) -> list[AllocationRequest]:
    return requests_behind(case.allocation)


@has_a_say(_about)
def exemption_grant(*, actor: User, case: ReclaimCase, answer: str = "") -> ReclaimCase:
    """Let the project keep its hours under this rule. For admins without an interest.

    Raises NotAllowed, SecondFactorNeeded and IllegalState.
    """
    case, exemption = _open_request(actor, case)
    _decide(actor, exemption, "grant", answer)
    case_end(case=case, action="exempt", at=clock.now())
    _told(actor, case, "exempt", answer)
    return case


@has_a_say(_about)
def exemption_refuse(*, actor: User, case: ReclaimCase, answer: str) -> ReclaimCase:
    """The warning holds. Raises also InvalidInput (answer)."""
    case, exemption = _open_request(actor, case)
    _need(answer, _("Say why: the project's members read it."), field="answer")
    _decide(actor, exemption, "refuse", answer)
    _told(actor, case, "refuse", answer)
    return case


def _open_request(actor: User, case: ReclaimCase) -> tuple[ReclaimCase, ReclaimExemption]:
    case = _locked(case)
    ties_of_speaker(actor, _about(case=case))
    require(actor, "lifecycle.decide_exemption", case)
    require_second_factor(actor)
    exemption = ReclaimExemption.objects.filter(case=case, state=ExemptionState.PENDING).first()
    if exemption is None:
        raise IllegalState(_("No request to be exempted awaits an answer here."))
    return case, exemption


def _decide(actor: User, exemption: ReclaimExemption, action: str, answer: str) -> None:
    exemption.state = EXEMPTION.target(state=exemption.state, action=action)
    exemption.decided_by = actor
    exemption.decided_at = clock.now()
    exemption.answer = answer.strip()
    exemption.store("state", "decided_by", "decided_at", "answer")


def _told(actor: User, case: ReclaimCase, event: str, answer: str) -> None:
    audit.record(
        actor=actor,
        action=f"exemption_{event}",
        target=case,
        after=case.snapshot("state"),
        reason=answer.strip(),
    )
    tell(case, event, answer=answer.strip())


def _need(text: str, remedy: str, *, field: str = "reason") -> None:
    if not text.strip():
        raise InvalidInput(_("A reason is needed."), field=field, remedy=remedy)


def _locked(case: ReclaimCase) -> ReclaimCase:
    return (
        ReclaimCase.objects.select_for_update(of=("self",))
        .select_related("allocation__project__organisation", "allocation__resource", "exemption")
        .get(pk=case.pk)
    )
