"""Mail: plain text, in the reader's language."""

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from portal.notices.text import render


def mail_send(
    *, address: str, language: str, subject: str, body: str, params: dict[str, Any], url: str
) -> None:
    """Send one mail now. `subject` and `body` are message ids; `url` is a path of the portal.

    Raises OSError or SMTPException where the mail server doesn't take it; the outbox then tries again.
    """
    with translation.override(language):
        title = " ".join(render(subject, params).split())
        page = {"body": render(body, params), "url": settings.PUBLIC_URL + url if url else ""}
        text = render_to_string("mail/notice.txt", page)
    send_mail(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{title}", text, None, [address])
