"""Asking the rules. Each `policies.py` registers predicates as `<app>.<verb>_<thing>`."""

from typing import Any

import rules
from django.conf import settings
from django.utils.translation import gettext as _

from portal.foundation.errors import NotAllowed, SecondFactorNeeded


def allowed(actor: Any, permission: str, target: Any = None) -> bool:
    """Whether `actor` may. Nobody who is inactive may anything."""
    return bool(actor and actor.is_active and rules.has_perm(permission, actor, target))


def require(actor: Any, permission: str, target: Any = None, *, message: Any = None) -> None:
    """Raises NotAllowed where `actor` may not."""
    if not allowed(actor, permission, target):
        raise NotAllowed(message)


def require_second_factor(actor: Any) -> None:
    """Raises SecondFactorNeeded where the installation asks for a second factor and `actor` has none."""
    if settings.REQUIRE_SECOND_FACTOR and not actor.has_second_factor:
        raise SecondFactorNeeded(
            remedy=_("Set up an authenticator app or a passkey under “Sign-in and security”, then try again.")
        )
