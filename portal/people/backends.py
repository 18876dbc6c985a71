"""Who may come in: asked of every sign-in, every request of a session and every API token."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.utils.translation import gettext as _
from knox import auth
from rest_framework.exceptions import AuthenticationFailed

from portal.people.models import User

DEMO_DOMAIN = "demo.taqseem.test"


def may_come_in(user: Any) -> bool:
    """Whether `user` is active; the demo users, whose password is public, only in demo mode."""
    return bool(user.is_active) and (settings.DEMO_MODE or not is_demo_address(user.email))


def is_demo_address(email: str) -> bool:
    return email.lower().endswith(f"@{DEMO_DOMAIN}")


class SignInBackend(AuthenticationBackend):  # type: ignore[misc]
    """Password sign-in, and the user of a running session: who was deactivated is out at once."""

    def user_can_authenticate(self, user: Any) -> bool:
        return may_come_in(user)

    def get_user(self, user_id: Any) -> User | None:
        """Who asks, with their roles and organisations: one query at the beginning of every page."""
        user = User.objects.with_duties().filter(pk=user_id).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        return user.recall()


class TokenAuthentication(auth.TokenAuthentication):  # type: ignore[misc]
    """API tokens: `Authorization: Token …`."""

    def validate_user(self, auth_token: Any) -> tuple[Any, Any]:
        if not may_come_in(auth_token.user):
            raise AuthenticationFailed(_("This person's access was ended."))
        return auth_token.user, auth_token
