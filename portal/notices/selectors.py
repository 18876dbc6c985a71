"""Reading notices, settings, and what waits to be mailed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Min, Q, QuerySet

from portal.foundation import clock
from portal.foundation.models import OutboxRow
from portal.notices.kinds import Group, Timing
from portal.notices.models import MailChoice, Notice

# A mail that has waited for so long is no longer just on its way.
LATE = timedelta(minutes=10)
TROUBLE_KNOWN_SECONDS = 60


def notices_visible_to(user: Any) -> QuerySet[Notice]:
    """One's own."""
    return Notice.objects.filter(user=user)


def unread_count(user: Any) -> int:
    """How many notices await this person: one small indexed query; none for visitors."""
    return notices_visible_to(user).filter(read_at__isnull=True).count() if user.is_authenticated else 0


def mail_choices(user: Any) -> dict[str, str]:
    """When `user` is mailed, for every group."""
    chosen = dict(MailChoice.objects.filter(user=user).values_list("group", "timing"))
    return {str(group): chosen.get(group, str(Timing.AT_ONCE)) for group in Group}


def timings_of(users: Iterable[int], group: str) -> dict[int, str]:
    """When each of these people (ids) is mailed about `group`."""
    wanted = list(users)
    chosen = dict(MailChoice.objects.filter(user__in=wanted, group=group).values_list("user_id", "timing"))
    return {user: chosen.get(user, str(Timing.AT_ONCE)) for user in wanted}


def waiting_mail() -> QuerySet[OutboxRow]:
    """Every mail that isn't sent: first what was given up, then what is tried longest."""
    return OutboxRow.objects.filter(topic__in=["mail", "digest"], done_at=None).order_by("failed_at", "id")


@dataclass(frozen=True)
class MailStanding:
    waiting: int
    given_up: int
    oldest: datetime | None
    last_error: str


def mail_standing() -> MailStanding:
    """How mail stands, in two queries."""
    figures = waiting_mail().aggregate(
        waiting=Count("id", filter=Q(failed_at=None)),
        given_up=Count("id", filter=Q(failed_at__isnull=False)),
        oldest=Min("created_at"),
    )
    failing = waiting_mail().exclude(error="").order_by("-due_at").values_list("error", flat=True)
    return MailStanding(**figures, last_error=failing.first() or "")


def late_mail_count() -> int:
    """How many mails were given up or are late; known for a minute, since every page of an admin asks."""

    def look() -> int:
        late = Q(failed_at__isnull=False) | Q(created_at__lt=clock.now() - LATE)
        return waiting_mail().filter(late).count()

    return int(cache.get_or_set("late_mail", look, TROUBLE_KNOWN_SECONDS) or 0)
