"""How allauth is fitted in: mail in the reader's language, secrets encrypted, demo users kept out."""

import base64
import hashlib
import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext as _

from portal.people.backends import may_come_in
from portal.people.models import User

log = logging.getLogger(__name__)


# In the session: the path to which signing in (also after signing up and confirming the address) leads.
ONWARD = "onward"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Back to what somebody wanted before they had to sign in; an address in `next` goes before it."""
        onward: str = request.session.pop(ONWARD, "") or super().get_login_redirect_url(request)
        return onward

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Every way in passes here: password, passkey, after a reset."""
        if not may_come_in(user):
            clear_login(request)
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send in the language of the address's owner; for strangers, in that of the request.

        These mails carry one-time links and are never queued, so that no such link rests in the database.
        Where the mail server can't be reached the person is told, and asks again.
        """
        owner = context.get("user") or User.objects.filter(email__iexact=email).only("language").first()
        language = owner.language if owner else translation.get_language()
        try:
            with translation.override(language):
                super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            log.exception("Mail %s could not be sent", template_prefix)
            if self.request is not None:
                messages.error(
                    self.request, _("The mail can't be sent right now. Please try again in a few minutes.")
                )

    def respond_email_verification_sent(self, request: HttpRequest, user: Any | None) -> HttpResponseBase:
        if settings.DEMO_MODE and (folder := getattr(settings, "MAIL_FOLDER", None)):
            messages.info(
                request, _("Demo mode: mail is written to files in %(folder)s.") % {"folder": folder}
            )
        response: HttpResponseBase = super().respond_email_verification_sent(request, user)
        return response


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """TOTP keys and recovery seeds are encrypted under SECRET_KEY (and its fallbacks, while it changes)."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            log.exception("A second factor was encrypted under another SECRET_KEY")
            raise


def _cipher() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = [hashlib.sha256(b"second factor:" + str(secret).encode()).digest() for secret in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
