"""Mail that waits: pushed on by an admin."""

from django.core.cache import cache
from django.db import transaction

from portal.foundation import clock
from portal.foundation.policies import require
from portal.foundation.services import audit, outbox
from portal.notices.selectors import waiting_mail
from portal.notices.services.mail import SERVER_AWAY
from portal.people.models import User


@transaction.atomic
def mail_retry(*, actor: User) -> int:
    """Try every mail that waits or was given up once more, now; returns how many. For admins (NotAllowed)."""
    require(actor, "notices.see_waiting_mail")
    cache.delete(SERVER_AWAY)
    given_up = waiting_mail().filter(failed_at__isnull=False).update(attempts=0, failed_at=None)
    count = waiting_mail().update(due_at=clock.now())
    if count:
        audit.record(
            actor=actor, action="mail_retry", target=actor, after={"mails": count, "given_up": given_up}
        )
        transaction.on_commit(outbox.wake, robust=True)
    return count
