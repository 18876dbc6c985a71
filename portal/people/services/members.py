"""Who belongs to an organisation. Nobody is added without their own yes: owners ask, people accept.

An invitation goes to an address, whether somebody here has it or not: it tells nobody who is registered.
"""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, NotVisible, Refused
from portal.foundation.policies import allowed, require, require_second_factor
from portal.foundation.services import audit, records
from portal.people.models import Invitation, Membership, Organisation, Removal, User
from portal.people.services._gate import locked
from portal.people.services.announce import mail, tell
from portal.people.services.flooding import check_flooding

VALID_FOR = timedelta(days=14)
MOST_OPEN = 50
State = Invitation.State


@transaction.atomic
def member_invite(*, actor: Any, organisation: Organisation, email: str, role: str) -> Invitation:
    """Ask an address to join; who proves to own it may accept for 14 days. Inviting again renews it."""
    organisation = locked(organisation)
    require(actor, "people.manage_organisation", organisation)
    email = _checked_address(email)
    if organisation.memberships.filter(
        user__emailaddress__email__iexact=email, user__emailaddress__verified=True
    ).exists():
        raise InvalidInput(
            _("This person is a member already."),
            field="email",
            remedy=_("Change their role in the list of members instead."),
        )
    check_flooding(
        to=Invitation.objects.filter(email__iexact=email),
        by=organisation.invitations.all(),
        actions={"member_invite"},
    )
    organisation.invitations.filter(state=State.PENDING, email__iexact=email).update(state=State.WITHDRAWN)
    open_now = organisation.invitations.filter(state=State.PENDING, expires_at__gt=clock.now()).count()
    if open_now >= MOST_OPEN:
        raise Refused(
            _("%(count)s invitations are open, which is the most.") % {"count": MOST_OPEN},
            remedy=_("Withdraw some that you no longer need."),
        )
    invitation = records.insert(
        actor=actor,
        action="member_invite",
        record=Invitation(
            organisation=organisation,
            email=email,
            role=role,
            invited_by=actor,
            expires_at=clock.now() + VALID_FOR,
        ),
        shown=("organisation", "email", "role", "expires_at"),
    )
    _send(invitation, actor)
    return invitation


@transaction.atomic
def invitation_accept(*, actor: Any, invitation: Invitation) -> Membership:
    """Join. Raises NotVisible for anybody else's invitation, IllegalState for one that is closed."""
    organisation = locked(invitation.organisation)
    invitation = _answered(actor, invitation, State.ACCEPTED)
    membership, is_new = Membership.objects.get_or_create(
        organisation=organisation, user=actor, defaults={"role": invitation.role}
    )
    if not is_new:
        raise IllegalState(_("You are a member of this organisation already."))
    organisation.removals.filter(user=actor).delete()
    actor.__dict__.pop("organisation_ids", None)
    tell(
        users=owners_of(organisation),
        kind="member_joined",
        subject=gettext_noop("%(person)s joined %(organisation)s"),
        body=gettext_noop("%(person)s accepted the invitation to %(organisation)s."),
        params={"person": str(actor), "organisation": organisation.name},
        url=organisation.get_absolute_url(),
    )
    return membership


@transaction.atomic
def invitation_decline(*, actor: Any, invitation: Invitation) -> Invitation:
    """Say no. Raises NotVisible, IllegalState."""
    return _answered(actor, invitation, State.DECLINED)


@transaction.atomic
def invitation_withdraw(*, actor: Any, invitation: Invitation) -> Invitation:
    """Take an invitation back. Raises NotAllowed, IllegalState."""
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    require(actor, "people.manage_organisation", invitation.organisation)
    return _close(actor, invitation, State.WITHDRAWN)


@transaction.atomic
def member_role_change(*, actor: Any, organisation: Organisation, user: User, role: str) -> Membership:
    """Make somebody an owner or a plain member. The last owner stays one. Raises IllegalState, NotAllowed.

    Where no owner is left who comes in, a programme admin who has no part in it names a new one
    (SecondFactorNeeded).
    """
    organisation = locked(organisation)
    _require_changer(actor, organisation)
    if role not in Membership.Role.values:
        raise InvalidInput(_("There is no such role."), field="role", remedy=_("Choose owner or member."))
    membership = _membership(organisation, user)
    if membership.role == role:
        return membership
    if membership.role == Membership.Role.OWNER:
        _require_other_owner(organisation, user)
        _withdraw_invitations_of(organisation, user)
    before, membership.role = membership.role, role
    membership.store("role")
    _record(actor, "member_role_change", organisation, user, before={"role": before}, after={"role": role})
    if actor.pk != user.pk:
        _tell_role(membership)
    return membership


@transaction.atomic
def ownership_hand_over(*, actor: Any, organisation: Organisation, user: User) -> Membership:
    """Make another member the owner in one's own stead; oneself stays a plain member.

    Raises IllegalState (handing over to oneself), NotVisible (no member), NotAllowed.
    """
    organisation = locked(organisation)
    require(actor, "people.manage_organisation", organisation)
    if actor.pk == user.pk:
        raise IllegalState(_("You own it already."), remedy=_("Choose another member."))
    if not user.is_active:
        raise IllegalState(_("The access of %(person)s was ended.") % {"person": user})
    membership = member_role_change(
        actor=actor, organisation=organisation, user=user, role=Membership.Role.OWNER
    )
    member_role_change(actor=actor, organisation=organisation, user=actor, role=Membership.Role.MEMBER)
    return membership


@transaction.atomic
def member_remove(*, actor: Any, organisation: Organisation, user: User) -> None:
    """Take somebody out; anybody may leave. The last owner can't. Raises IllegalState, NotAllowed.

    Whom others took out comes back by an invitation or once they are let in again (`member_readmit`), not by
    their address at a recognised institution.
    """
    organisation = locked(organisation)
    if actor.pk != user.pk:
        require(actor, "people.manage_organisation", organisation)
    membership = _membership(organisation, user)
    if membership.role == Membership.Role.OWNER:
        _require_other_owner(organisation, user)
        _withdraw_invitations_of(organisation, user)
    _record(actor, "member_remove", organisation, user, before={"role": membership.role}, after={})
    membership.delete()
    if actor.pk != user.pk:
        Removal.objects.get_or_create(organisation=organisation, user=user)
        _withdraw_invitations_to(organisation, user)
        tell(
            users=[user],
            kind="member_removed",
            subject=gettext_noop("You were removed from %(organisation)s"),
            body=gettext_noop("An owner removed you from %(organisation)s."),
            params={"organisation": organisation.name},
            url="/organisations/",
        )


@transaction.atomic
def member_readmit(*, actor: Any, organisation: Organisation, user: User) -> None:
    """Let somebody who was taken out join again by their address at the recognised institution.

    For owners; where nobody owns it, for a programme admin who has no part in it. Nobody does it for
    themself. Raises NotAllowed, SecondFactorNeeded, NotVisible (wasn't taken out).
    """
    organisation = locked(organisation)
    _require_changer(actor, organisation)
    if actor.pk == user.pk:
        raise NotAllowed
    if not organisation.removals.filter(user=user).delete()[0]:
        raise NotVisible
    _record(actor, "member_readmit", organisation, user, before={}, after={})
    tell(
        users=[user],
        kind="member_readmitted",
        subject=gettext_noop("You may join %(organisation)s again"),
        body=gettext_noop("You may join %(organisation)s again, by your address there."),
        params={"organisation": organisation.name},
        url="/organisations/",
    )


def owners_of(organisation: Organisation) -> list[User]:
    """Who answers for it."""
    return list(
        User.objects.filter(memberships__organisation=organisation, memberships__role=Membership.Role.OWNER)
    )


def answering_for(organisation: Organisation, asker: User) -> list[User]:
    """Whom it concerns what becomes of a verification: the owners; where there are none, who asked for it."""
    return owners_of(organisation) or [asker]


def _checked_address(email: str) -> str:
    try:
        validate_email(email := email.strip().lower())
    except ValidationError as error:
        raise InvalidInput(
            _("This is no e-mail address."), field="email", remedy=_("Write it like name@example.edu.pk.")
        ) from error
    return email


def _send(invitation: Invitation, actor: Any) -> None:
    known = User.objects.filter(
        emailaddress__email__iexact=invitation.email, emailaddress__verified=True, is_active=True
    ).first()
    text: dict[str, Any] = {
        "kind": "member_invited",
        "subject": gettext_noop("%(person)s invites you to %(organisation)s"),
        "body": gettext_noop(
            "%(person)s invites you to join %(organisation)s on Taqseem, the national AI compute portal. "
            "Sign in, or sign up with this address, and accept within 14 days."
        ),
        "params": {"person": str(actor), "organisation": invitation.organisation.name},
        "url": invitation.get_absolute_url(),
    }
    if known is not None:
        tell(users=[known], **text)
    else:
        mail(address=invitation.email, language=actor.language, **text)


def _answered(actor: Any, invitation: Invitation, state: str) -> Invitation:
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if invitation.email.lower() not in actor.verified_addresses:
        raise NotVisible
    return _close(actor, invitation, state)


def _close(actor: Any, invitation: Invitation, state: str) -> Invitation:
    if not invitation.is_open:
        raise IllegalState(
            _("This invitation was answered, withdrawn, or is out of date."),
            remedy=_("Ask an owner of the organisation for a new one."),
        )
    return records.update(
        actor=actor, action=f"invitation_{state}", record=invitation, changes={"state": state}
    )


def _require_changer(actor: Any, organisation: Organisation) -> None:
    """Owners; an admin in their stead needs a second factor."""
    require(actor, "people.change_member_role", organisation)
    if not allowed(actor, "people.manage_organisation", organisation):
        require_second_factor(actor)


def _membership(organisation: Organisation, user: User) -> Membership:
    membership = organisation.memberships.filter(user=user).first()
    if membership is None:
        raise NotVisible(_("This person is no member."))
    return membership


def _require_other_owner(organisation: Organisation, user: User) -> None:
    owners = organisation.memberships.filter(role=Membership.Role.OWNER, user__is_active=True)
    if user.is_active and not owners.exclude(user=user).exists():
        raise IllegalState(_("This is the last owner."), remedy=_("Make another member an owner first."))


def _withdraw_invitations_of(organisation: Organisation, user: User) -> None:
    """Nobody comes in, maybe as an owner, by the word of somebody who owns it no more."""
    sent = organisation.invitations.filter(state=State.PENDING, invited_by=user)
    sent.update(state=State.WITHDRAWN, updated_at=clock.now())


def _withdraw_invitations_to(organisation: Organisation, user: User) -> None:
    """Nobody walks back in by an invitation from before they were taken out."""
    pending = organisation.invitations.filter(state=State.PENDING).annotate(folded=Lower("email"))
    to_them = pending.filter(folded__in=user.verified_addresses)
    to_them.update(state=State.WITHDRAWN, updated_at=clock.now())


def _tell_role(membership: Membership) -> None:
    is_owner = membership.role == Membership.Role.OWNER
    tell(
        users=[membership.user],
        kind="member_role_changed",
        subject=gettext_noop("Your role in %(organisation)s has changed"),
        body=(
            gettext_noop("You are an owner of %(organisation)s now: you manage members and verification.")
            if is_owner
            else gettext_noop("You are a member of %(organisation)s now, no longer an owner.")
        ),
        params={"organisation": membership.organisation.name},
        url=membership.organisation.get_absolute_url(),
    )


def _record(
    actor: Any,
    action: str,
    organisation: Organisation,
    user: User,
    *,
    before: dict[str, str],
    after: dict[str, str],
) -> None:
    member = {"member": user.code}
    audit.record(
        actor=actor, action=action, target=organisation, before=member | before, after=member | after
    )
