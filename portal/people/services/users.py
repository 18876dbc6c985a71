"""Signing up, one's own details, and ending somebody's access."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.foundation import clock
from portal.foundation.errors import NotAllowed
from portal.foundation.services import audit
from portal.people.models import User
from portal.people.services._gate import require_admin, require_line, require_reason


@transaction.atomic
def user_sign_up(*, user: User, name: str, language: str) -> User:
    """Complete a fresh login with its owner's name and language; they have accepted the terms of use."""
    user.name, user.language, user.terms_accepted_at = require_line(name, field="name"), language, clock.now()
    user.store("name", "language", "terms_accepted_at")
    audit.record(actor=user, action="user_sign_up", target=user, after=user.snapshot("name", "language"))
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


def user_deactivate(*, actor: Any, user: User, reason: str) -> User:
    """End somebody's access: sessions and tokens are refused from the next request on."""
    return _set_active(actor, user, reason, active=False)


def user_reactivate(*, actor: Any, user: User, reason: str) -> User:
    """Give somebody's access back."""
    return _set_active(actor, user, reason, active=True)


@transaction.atomic
def _set_active(actor: Any, user: User, reason: str, *, active: bool) -> User:
    require_admin(actor)
    if actor.pk == user.pk:
        raise NotAllowed(_("You can't end your own access. Ask another programme admin."))
    reason = require_reason(reason)
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.is_active == active:
        return user
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
    return user
