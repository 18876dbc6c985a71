"""Telling people: in the portal at once, by mail after the change is committed, as each has chosen."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from portal.foundation import clock
from portal.foundation.services import outbox
from portal.notices.kinds import Timing, group_of
from portal.notices.models import Notice
from portal.notices.selectors import timings_of
from portal.notices.text import render
from portal.people.models import User


@transaction.atomic
def notify(
    *,
    users: Iterable[User],
    kind: str,
    subject: str,
    body: str,
    params: dict[str, Any] | None = None,
    url: str = "",
) -> list[Notice]:
    """Write a notice for each active person of `users`, in the caller's transaction, and queue their mail.

    `kind` names the occasion, such as `request_approved`, and stands in `notices/kinds.py`: by its group
    people choose whether they are mailed at once, in a digest, or not at all. `subject` and `body` are
    message ids (mark them with `gettext_noop`) with `%(name)s` places, `params` their JSON-ready values;
    everybody reads them in their own language. `url` is a path of the portal. Raises KeyError where a place
    has no value.
    """
    params = params or {}
    for message in (subject, body):
        render(message, params)  # A missing value is our own fault: better found now than by the reader.
    people = {user.pk: user for user in users if user.is_active}
    group = group_of(kind)
    timings = timings_of(people, group)
    notices = Notice.objects.bulk_create(
        Notice(
            user=user,
            kind=kind,
            group=group,
            timing=timings[user.pk],
            subject=subject,
            body=body,
            params=params,
            url=url,
        )
        for user in people.values()
    )
    for notice in notices:
        if notice.timing == Timing.AT_ONCE:
            # One row a person: an address that fails holds up nobody else.
            payload = {"user": notice.user.code, "group": notice.group, **notice.words()}
            outbox.enqueue(topic="mail", key=kind, payload=payload)
    return notices


def notice_read(*, actor: Any, notice: Notice) -> None:
    """Note that `actor` has read a notice of theirs. Reading leaves no audit row."""
    Notice.objects.filter(pk=notice.pk, user=actor, read_at__isnull=True).update(read_at=clock.now())


def notices_read_all(*, actor: Any) -> int:
    """Mark everything as read; returns how many were unread."""
    return Notice.objects.filter(user=actor, read_at__isnull=True).update(read_at=clock.now())
