"""Reversals: the mirror image of a posting that was wrong."""

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from allocations.ledger.books import Account, AllocationBooks, Books, Draft, repeat_of, write
from allocations.ledger.models import AccountKind, Hold, Posting, PostingKind, Transfer
from portal.foundation.errors import IllegalState, Refused
from portal.foundation.formats import hours
from portal.foundation.services import audit
from portal.people.models import User


@transaction.atomic
def reversal_post(*, original: Posting, key: str, actor: User | None, reason: str) -> Posting:
    """Undo `original` by its mirror image; each posting is reversed at most once.

    Where that image can't be exact because overrun was repaid or budget spent since, what flows back repays
    overrun first, and what was spent stays spent. Raises IllegalState (code `already_reversed`, or
    `has_followers` where corrections must be reversed first) and Refused (code `cant_reverse`, figures
    wanted, there) where what it granted has been used since.
    """
    draft = Draft(
        kind=PostingKind.REVERSAL,
        key=key,
        allocation_code=original.allocation_code,
        reference=original.reference,
        content={"original": original.key},
        about=original,
        actor=actor,
        reason=reason,
    )
    lines = list(original.transfers.all())
    touched = {pk for line in lines for pk in (line.from_account_id, line.to_account_id)}
    books = Books.lock([original.allocation_code], touched)
    if posted := repeat_of(draft):
        return posted
    _refuse_followed(original)
    allocation = books.of(original.allocation_code) if original.allocation_code else None
    holds = Hold.objects.in_bulk({line.hold_id for line in lines if line.hold_id})
    for line in reversed(lines):
        _mirror(draft, books, allocation, line, holds.get(line.hold_id or 0))
    if allocation:
        allocation.settle(draft)
    audit.record(actor=actor, action="reversal_post", target=original, after={"reversal": key}, reason=reason)
    return write(draft)


def _mirror(
    draft: Draft, books: Books, allocation: AllocationBooks | None, line: Transfer, hold: Hold | None
) -> None:
    source, target = books.by_id[line.to_account_id], books.by_id[line.from_account_id]
    if allocation and target.kind == AccountKind.OVERRUN:
        allocation.credit(draft, source, line.amount, hold)
    elif allocation and source.kind == AccountKind.AVAILABLE and target.kind == AccountKind.SPENT:
        allocation.spend(draft, line.amount)
    else:
        _need(source, line.amount, hold)
        draft.move(source, target, line.amount, hold)


def _need(source: Account, amount: int, hold: Hold | None) -> None:
    there = hold.remaining if hold and source.kind == AccountKind.HELD else source.balance
    if source.kind != AccountKind.OVERRUN and source.kind != AccountKind.SUPPLY and there < amount:
        raise Refused(
            _("%(wanted)s GPU-hours would flow back, and %(there)s are there (%(kind)s).")
            % {"wanted": hours(amount), "there": hours(there), "kind": AccountKind(source.kind).label},
            code="cant_reverse",
            remedy=_("Reverse first what used them."),
            figures={"wanted": amount, "there": there},
        )


def _refuse_followed(original: Posting) -> None:
    if original.kind == PostingKind.REVERSAL:
        raise IllegalState(_("A reversal isn't reversed: post it afresh."), code="already_reversed")
    if original.followers.filter(kind=PostingKind.REVERSAL).exists():
        raise IllegalState(_("This posting was reversed already."), code="already_reversed")
    if original.followers.exclude(Q(kind=PostingKind.REVERSAL) | Q(followers__isnull=False)).exists():
        raise IllegalState(
            _("This posting was corrected or refunded since."),
            code="has_followers",
            remedy=_("Reverse those postings first."),
        )
