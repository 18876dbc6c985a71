"""Telling people and addresses something, through the rooms above that write notices and mail.

Texts are message ids (mark them with `gettext_noop`) with named places for `params`: each reader gets them in
their own language.
"""

from collections.abc import Iterable
from typing import Any

from portal.foundation.services import outbox
from portal.people.models import User


def tell(
    *, users: Iterable[User], kind: str, subject: str, body: str, params: dict[str, Any], url: str
) -> None:
    """A notice in the portal and a mail for each of `users`, in the caller's transaction."""
    payload = {"kind": kind, "subject": subject, "body": body, "params": params, "url": url}
    if codes := sorted({user.code for user in users}):
        outbox.enqueue(topic="notice", key=kind, payload={"users": codes, **payload})


def mail(
    *, address: str, language: str, kind: str, subject: str, body: str, params: dict[str, Any], url: str
) -> None:
    """A mail to an address that may belong to nobody here yet."""
    payload = {"subject": subject, "body": body, "params": params, "url": url}
    outbox.enqueue(topic="mail", key=kind, payload={"to": address, "language": language, **payload})
