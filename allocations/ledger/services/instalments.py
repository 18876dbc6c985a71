"""What is granted but kept back for a later instalment: held, under the award's name instead of a job's."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.ledger.books import Books, Draft, need_amount, repeat_of, write
from allocations.ledger.models import Hold, Posting, PostingKind
from allocations.ledger.models.account import WITHHELD
from allocations.ledger.services.holds import new_hold
from portal.foundation.errors import Refused
from portal.foundation.formats import hours
from portal.people.models import User


@transaction.atomic
def instalment_withhold(
    *, allocation_code: str, award_code: str, gpu_seconds: int, key: str, actor: User | None
) -> Posting:
    """Keep `gpu_seconds` of an award back: no job can use them, and nobody else be granted them.

    Raises Refused (code `over_available`) where less is available.
    """
    need_amount(gpu_seconds)
    draft = Draft(
        kind=PostingKind.WITHHOLD,
        key=key,
        allocation_code=allocation_code,
        reference=award_code,
        content={"gpu_seconds": gpu_seconds},
        actor=actor,
    )
    allocation = Books.lock([allocation_code]).of(allocation_code)
    if posted := repeat_of(draft):
        return posted
    available = allocation.available.balance
    if gpu_seconds > available:
        raise Refused(
            _("%(wanted)s GPU-hours can't be kept back: %(available)s are available.")
            % {"wanted": hours(gpu_seconds), "available": hours(available)},
            code="over_available",
            figures={"wanted": gpu_seconds, "available": available},
        )
    hold = new_hold(WITHHELD + award_code, allocation.held)
    draft.move(allocation.available, allocation.held, gpu_seconds, hold)
    return write(draft)


@transaction.atomic
def instalment_release(
    *,
    allocation_code: str,
    key: str,
    actor: User | None,
    gpu_seconds: int | None = None,
    reason: str = "",
) -> Posting:
    """Let go of what is kept back of an allocation's awards, the oldest first; None means all of it.

    Overrun is repaid first. Nothing left to release is fine, as long as no amount is named. Raises Refused
    (code `over_withheld`, figures wanted, withheld) where less is kept back.
    """
    if gpu_seconds is not None:
        need_amount(gpu_seconds)
    draft = Draft(
        kind=PostingKind.INSTALMENT,
        key=key,
        allocation_code=allocation_code,
        content={"gpu_seconds": gpu_seconds},
        actor=actor,
        reason=reason,
    )
    allocation = Books.lock([allocation_code]).of(allocation_code)
    if posted := repeat_of(draft):
        return posted
    kept = list(
        Hold.objects.filter(
            account_id=allocation.held.pk, job_code__startswith=WITHHELD, remaining__gt=0
        ).order_by("pk")
    )
    withheld = sum(hold.remaining for hold in kept)
    left = withheld if gpu_seconds is None else gpu_seconds
    if left > withheld:
        raise Refused(
            _("%(withheld)s GPU-hours are kept for later instalments, less than %(wanted)s.")
            % {"withheld": hours(withheld), "wanted": hours(left)},
            field="gpu_hours",
            code="over_withheld",
            figures={"wanted": left, "withheld": withheld},
        )
    for hold in kept:
        part = min(left, hold.remaining)
        allocation.credit(draft, allocation.held, part, hold)
        left -= part
    return write(draft)
