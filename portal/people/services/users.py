"""Signing up, one's own details, and ending somebody's access."""

from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from portal.foundation import clock
from portal.foundation.errors import NotAllowed
from portal.foundation.services import audit, outbox
from portal.people.models import ApiToken, Invitation, User
from portal.people.selectors import terms_in_force
from portal.people.services import deputies
from portal.people.services._gate import require_admin, require_line, require_reason
from portal.people.services.terms import consent_give


@transaction.atomic
def user_sign_up(*, user: User, name: str, language: str) -> User:
    """Complete a fresh login with its owner's name and language; they have accepted the terms of use."""
    user.name, user.language, user.terms_accepted_at = require_line(name, field="name"), language, clock.now()
    user.store("name", "language", "terms_accepted_at")
    audit.record(actor=user, action="user_sign_up", target=user, after=user.snapshot("name", "language"))
    if terms_in_force():
        consent_give(user)
    return user


@transaction.atomic
def profile_change(*, actor: Any, name: str, language: str) -> User:
    """Change one's own name and language."""
    user = User.objects.select_for_update().get(pk=actor.pk)
    before = user.snapshot("name", "language")
    user.name, user.language = require_line(name, field="name"), language
    user.store("name", "language")
    audit.record(
        actor=actor,
        action="profile_change",
        target=user,
        before=before,
        after=user.snapshot("name", "language"),
    )
    return user


@transaction.atomic
def user_deactivate(*, actor: Any, user: User, reason: str) -> User:
    """End somebody's access everywhere: sessions, tokens, invitations and deputies end for good.

    The outbox row `user_deactivated` {user: code} tells rooms above, such as the bridge with its Slurm users.
    Raises InvalidInput, NotAllowed, SecondFactorNeeded.
    """
    user, is_changed = _set_active(actor, user, reason, active=False)
    if is_changed:
        ended = {
            "sessions": _end_sessions(user),
            "tokens": ApiToken.objects.filter(user=user).delete()[0],
            "invitations": _withdraw_invitations(user),
        }
        deputies.end_all_of(actor, user)
        audit.record(actor=actor, action="user_access_ended", target=user, after=ended, reason=reason.strip())
        outbox.enqueue(topic="user_deactivated", key=user.code, payload={"user": user.code})
    return user


@transaction.atomic
def user_reactivate(*, actor: Any, user: User, reason: str) -> User:
    """Let somebody sign in again; what ended with their access stays ended. Writes `user_reactivated`.

    Raises InvalidInput, NotAllowed, SecondFactorNeeded.
    """
    user, is_changed = _set_active(actor, user, reason, active=True)
    if is_changed:
        outbox.enqueue(topic="user_reactivated", key=user.code, payload={"user": user.code})
    return user


def _set_active(actor: Any, user: User, reason: str, *, active: bool) -> tuple[User, bool]:
    """The user, and whether anything changed."""
    require_admin(actor)
    if actor.pk == user.pk:
        raise NotAllowed(_("You can't end your own access. Ask another programme admin."))
    reason = require_reason(reason)
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.is_active == active:
        return user, False
    user.is_active = active
    user.store("is_active")
    audit.record(
        actor=actor,
        action="user_reactivate" if active else "user_deactivate",
        target=user,
        before={"is_active": not active},
        after={"is_active": active},
        reason=reason,
    )
    return user, True


def _end_sessions(user: User) -> int:
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    return len(sessions)


def _withdraw_invitations(user: User) -> int:
    """Those that the person sent, and those that wait for an address of theirs."""
    pending = Invitation.objects.filter(state=Invitation.State.PENDING).annotate(folded=Lower("email"))
    of_theirs = pending.filter(Q(invited_by=user) | Q(folded__in=user.verified_addresses))
    codes = list(of_theirs.values_list("code", flat=True))
    return Invitation.objects.filter(code__in=codes).update(state=Invitation.State.WITHDRAWN)
