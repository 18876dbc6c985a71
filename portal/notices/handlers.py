"""What this room does with the outbox."""

from typing import Any

from portal.foundation.services.outbox import handles
from portal.notices.models import Digest
from portal.notices.services.mail import digest_send, mail_send
from portal.notices.services.notices import notify
from portal.people.models import User


@handles("notice")
def write_notices(payload: dict[str, Any]) -> None:
    """For rooms below, which can't call `notify`: the same arguments, people by code."""
    users = User.objects.filter(code__in=payload["users"])
    notify(users=users, **{name: payload[name] for name in ("kind", "subject", "body", "params", "url")})


@handles("mail")
def send(payload: dict[str, Any]) -> None:
    """To a person (`user`, a code), whatever their address and language are by now, or `to` an address."""
    words = {name: payload[name] for name in ("subject", "body", "params", "url")}
    if "user" not in payload:
        mail_send(address=payload["to"], language=payload["language"], **words)
        return
    user = User.objects.filter(code=payload["user"], is_active=True).first()
    if user is not None:
        mail_send(address=user.email, language=user.language, group=payload.get("group", ""), **words)


@handles("digest")
def send_digest(payload: dict[str, Any]) -> None:
    """One that was gathered, to whom it is for."""
    digest = Digest.objects.select_related("user").get(code=payload["digest"])
    if digest.user.is_active:
        digest_send(digest=digest)
