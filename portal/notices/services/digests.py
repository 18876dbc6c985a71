"""Digests: at most one mail a day for each person who asked for one, with all that waited."""

from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from portal.foundation import clock
from portal.foundation.services import outbox
from portal.notices.kinds import Timing
from portal.notices.models import Digest, Notice
from portal.people.models import User


def digests_make() -> int:
    """Gather what each person waits for into one digest and queue its mail; returns how many were made.

    Takes what was written before today's hour (`settings.DIGEST_HOUR`, in Pakistan) for those who are
    mailed daily, before Monday's for those who are weekly, and leaves out what they have read since. May
    run at any time and any number of times: nobody gets two in a day, no notice is in two.
    """
    if (cut := _hour_of_today()) > clock.now():
        return 0
    people = User.objects.filter(pk__in=_due(cut).values("user"), is_active=True).exclude(
        digests__day=clock.today()
    )
    return sum(_make(user, cut) for user in people)


@transaction.atomic
def _make(user: User, cut: datetime) -> bool:
    # The lock: whoever does the same at this moment comes next, and finds it done.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    digest, is_new = Digest.objects.get_or_create(user=user, day=clock.today())
    if not is_new or not _due(cut).filter(user=user).update(digest=digest):
        return False
    outbox.enqueue(topic="digest", key=digest.code, payload={"digest": digest.code})
    return True


def _due(cut: datetime) -> QuerySet[Notice]:
    monday = cut - timedelta(days=cut.astimezone(clock.KARACHI).weekday())
    waiting = Q(timing=Timing.DAILY, created_at__lt=cut) | Q(timing=Timing.WEEKLY, created_at__lt=monday)
    return Notice.objects.filter(waiting, digest=None, read_at=None).order_by()


def _hour_of_today() -> datetime:
    return datetime.combine(clock.today(), time(settings.DIGEST_HOUR), clock.KARACHI)
