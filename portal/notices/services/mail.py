"""Mail: plain text, in the reader's language, under a name that stays the same at each try."""

from email.utils import parseaddr
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from portal.foundation.services import outbox
from portal.notices.kinds import TIMINGS, Group, Timing
from portal.notices.models import Digest
from portal.notices.text import render

# Once the server can't be reached, other mails don't each wait for it in vain.
SERVER_AWAY = "mail_server_away"
AWAY_SECONDS = 10


def mail_send(
    *,
    address: str,
    language: str,
    subject: str,
    body: str,
    params: dict[str, Any],
    url: str,
    group: str = "",
) -> None:
    """Send one mail now. `subject` and `body` are message ids; `url` is a path of the portal.

    With a `group` the mail says where to change what one is told. Raises outbox.Away where the server can't
    be reached or says to come again (4xx), SMTPException where it refuses the mail; the outbox tries again.
    """
    with translation.override(language):
        title = " ".join(render(subject, params).split())
        page = {"body": render(body, params), "url": settings.PUBLIC_URL + url if url else ""}
        text = render_to_string("mail/notice.txt", page | _way_out(group))
    _post(address, title, text, group)


def digest_send(*, digest: Digest) -> None:
    """Send a digest now: its notices by group, oldest first. Raises as `mail_send` does."""
    with translation.override(digest.user.language):
        notices = list(digest.notices.order_by("created_at", "id"))
        groups = [(group, [n for n in notices if n.group == group.value]) for group in Group]
        page = {
            "groups": [(group.label, inside) for group, inside in groups if inside],
            "portal": settings.PUBLIC_URL,
        }
        text = render_to_string("mail/digest.txt", page | _way_out(Group.REQUESTS))
        title = _("What is new on Taqseem: %(count)s notices") % {"count": len(notices)}
    _post(digest.user.email, title, text, Group.REQUESTS)


def _way_out(group: str) -> dict[str, str]:
    return {"settings_url": settings.PUBLIC_URL + reverse("notice_settings") if group else ""}


def _post(address: str, title: str, text: str, group: str) -> None:
    if trouble := cache.get(SERVER_AWAY):
        raise outbox.Away(trouble)
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    headers = {"Message-ID": f"<{outbox.reference()}@{domain}>", "Auto-Submitted": "auto-generated"}
    if group and Timing.NEVER in TIMINGS[group]:
        headers["List-Unsubscribe"] = f"<{_way_out(group)['settings_url']}>"
    subject = f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{title}"
    message = EmailMessage(subject, text, None, [address], headers=headers)
    try:
        message.send()
    except (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError) as refusal:
        if all(400 <= code < 500 for code in _codes(refusal)):
            raise outbox.Away(str(refusal)) from refusal
        raise
    except OSError as trouble:  # SMTPException is one too: no connection, no greeting, no sign-in
        cache.set(SERVER_AWAY, f"{type(trouble).__name__}: {trouble}", AWAY_SECONDS)
        raise outbox.Away(str(trouble)) from trouble


def _codes(refusal: SMTPRecipientsRefused | SMTPSenderRefused | SMTPDataError) -> list[int]:
    if isinstance(refusal, SMTPRecipientsRefused):
        return [code for code, _reason in refusal.recipients.values()]
    return [refusal.smtp_code]
