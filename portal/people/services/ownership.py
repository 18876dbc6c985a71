"""Who manages an organisation that nobody manages: a member asks, a programme admin answers.

The focal person whom the allow-list names for an institution needs no answer.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, NotAllowed, Refused
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import records
from portal.people.models import Membership, Organisation, OwnershipRequest, ProgrammeRole, User
from portal.people.policies import is_orphaned
from portal.people.selectors import is_focal_person
from portal.people.services._gate import locked, require_reason
from portal.people.services.announce import tell

State = OwnershipRequest.State
# Days after a refusal or withdrawal in which nobody asks again: each time all admins are told.
PAUSE_DAYS = 7


@transaction.atomic
def ownership_ask(*, actor: Any, organisation: Organisation, reason: str) -> OwnershipRequest:
    """Ask to manage it. The institution's focal person manages it at once.

    Raises InvalidInput (reason), NotAllowed (no member, or somebody manages it), IllegalState (has asked),
    Refused (within PAUSE_DAYS of a refusal or withdrawal; not for the focal person, of whom nobody is told).
    """
    organisation = locked(organisation)
    _require_askable(actor, organisation)
    if organisation.ownership_requests.filter(user=actor, state=State.PENDING).exists():
        raise IllegalState(
            _("You have asked already."), remedy=_("A programme admin answers; you get a notice and a mail.")
        )
    by_rule = is_focal_person(actor, organisation.institution)
    if not by_rule and (day := may_ask_from(actor, organisation)):
        raise Refused(
            _("You have asked already, and it was declined or withdrawn."),
            remedy=_("Ask again from %(day)s.") % {"day": date_format(day, "j M Y")},
        )
    asked = records.insert(
        actor=actor,
        action="ownership_ask",
        record=OwnershipRequest(organisation=organisation, user=actor, reason=require_reason(reason)),
        shown=("organisation", "reason"),
        reason=reason.strip(),
    )
    if by_rule:
        return _grant(actor, asked, decided_by=None, answer="")
    tell(
        users=User.objects.filter(is_active=True, programme_roles__role=ProgrammeRole.Role.ADMIN).exclude(
            memberships__organisation=organisation
        ),
        kind="ownership_asked",
        subject=gettext_noop("%(person)s asks to manage %(organisation)s"),
        body=gettext_noop("Nobody manages %(organisation)s. %(person)s asks to, because: %(reason)s"),
        params={"person": str(actor), "organisation": organisation.name, "reason": asked.reason},
        url="/verifications/",
    )
    return asked


@transaction.atomic
def ownership_withdraw(*, actor: Any, asked: OwnershipRequest) -> OwnershipRequest:
    """Take one's own request back. Raises NotAllowed, IllegalState."""
    if asked.user_id != actor.pk:
        raise NotAllowed
    return _close(actor, asked, State.WITHDRAWN)


@transaction.atomic
def ownership_confirm(*, actor: Any, asked: OwnershipRequest, reason: str = "") -> OwnershipRequest:
    """Make them the owner. What others asked for the same organisation is declined with it.

    For programme admins who have no part in it. Raises NotAllowed, SecondFactorNeeded, IllegalState.
    """
    organisation = locked(asked.organisation)
    _require_decider(actor, organisation)
    if not is_orphaned(actor, organisation):
        raise IllegalState(
            _("Somebody manages this organisation by now."), remedy=_("Decline: its owners appoint others.")
        )
    if not organisation.memberships.filter(user=asked.user_id, user__is_active=True).exists():
        raise IllegalState(_("%(person)s is no member any more.") % {"person": asked.user})
    return _grant(actor, asked, decided_by=actor, answer=reason.strip())


@transaction.atomic
def ownership_decline(*, actor: Any, asked: OwnershipRequest, reason: str) -> OwnershipRequest:
    """Say no, and why. Raises InvalidInput, NotAllowed, SecondFactorNeeded, IllegalState."""
    _require_decider(actor, locked(asked.organisation))
    closed = _close(actor, asked, State.DECLINED, decided_by=actor, answer=require_reason(reason))
    _tell_declined([closed.user], closed.organisation, closed.answer)
    return closed


def may_ask_from(user: User, organisation: Organisation) -> date | None:
    """The day from which `user` may ask again; None where they may now."""
    asked = organisation.ownership_requests.filter(user=user, state__in=[State.DECLINED, State.WITHDRAWN])
    latest = asked.aggregate(latest=Max("decided_at"))["latest"]
    day = clock.day_of(latest) + timedelta(days=PAUSE_DAYS) if latest else None
    return day if day and day > clock.today() else None


def _require_askable(actor: Any, organisation: Organisation) -> None:
    require(
        actor,
        "people.ask_ownership",
        organisation,
        message=_("Only members ask this, and only where nobody manages the organisation."),
    )


def _require_decider(actor: Any, organisation: Organisation) -> None:
    require(
        actor,
        "people.decide_ownership",
        organisation,
        message=_("Only a programme admin who has no part in the organisation answers this."),
    )
    require_second_factor(actor)


def _grant(actor: Any, asked: OwnershipRequest, *, decided_by: User | None, answer: str) -> OwnershipRequest:
    granted = _close(actor, asked, State.CONFIRMED, decided_by=decided_by, answer=answer)
    organisation = granted.organisation
    membership = organisation.memberships.get(user=granted.user)
    membership.role = Membership.Role.OWNER
    membership.store("role")
    others = list(organisation.ownership_requests.filter(state=State.PENDING).select_related("user"))
    why = _("%(person)s manages it now.") % {"person": granted.user}
    for other in others:
        _close(actor, other, State.DECLINED, decided_by=decided_by, answer=why)
    _tell_declined([other.user for other in others], organisation, why)
    tell(
        users=[granted.user],
        kind="ownership_confirmed",
        subject=gettext_noop("You manage %(organisation)s now"),
        body=gettext_noop("You are an owner of %(organisation)s now: you manage members and verification."),
        params={"organisation": organisation.name},
        url=organisation.get_absolute_url(),
    )
    return granted


def _tell_declined(users: Iterable[User], organisation: Organisation, why: str) -> None:
    tell(
        users=users,
        kind="ownership_declined",
        subject=gettext_noop("You don't manage %(organisation)s"),
        body=gettext_noop("You asked to manage %(organisation)s. The answer is no: %(reason)s"),
        params={"organisation": organisation.name, "reason": why},
        url=organisation.get_absolute_url(),
    )


def _close(
    actor: Any,
    asked: OwnershipRequest,
    state: str,
    *,
    decided_by: User | None = None,
    answer: str = "",
) -> OwnershipRequest:
    row = OwnershipRequest.objects.select_for_update(of=("self",)).get(pk=asked.pk)
    if row.state != State.PENDING:
        raise IllegalState(_("This request was answered or withdrawn already."))
    return records.update(
        actor=actor,
        action=f"ownership_{state}",
        record=row,
        changes={"state": state, "decided_by": decided_by, "decided_at": clock.now(), "answer": answer},
        reason=answer,
    )
