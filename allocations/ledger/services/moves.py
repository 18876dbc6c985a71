"""What moves between quarters, and between allocations: nothing is granted or lost by it."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.ledger import pools
from allocations.ledger.books import Account, AllocationBooks, Books, Draft, need_amount, repeat_of, write
from allocations.ledger.models import Posting, PostingKind
from datacenters.models import Resource
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, Refused
from portal.foundation.formats import hours
from portal.foundation.services import outbox
from portal.foundation.units import split_evenly
from portal.people.models import User

ARRIVES = "/in"  # follows a transfer's key in that of what arrives
# Told what each quarter has to give beyond what it gets back, under all locks; raises to refuse.
Check = Callable[[dict[Quarter, int]], None]


@transaction.atomic
def accounts_lock(allocation_codes: Iterable[str]) -> None:
    """Lock the ledger accounts of these allocations and every pool behind them, all in one sorted set.

    For a caller that posts several times in one transaction: two of them could lock in opposite orders.
    """
    codes = list(allocation_codes)
    Books.lock(codes, [pk for code in codes for pk in pools.ids_behind(code)])


@transaction.atomic
def respread_post(
    *,
    resource: Resource,
    allocation_code: str,
    days: dict[Quarter, int],
    key: str,
    actor: User | None,
    reason: str = "",
    check: Check | None = None,
) -> Posting:
    """Spread what is available anew over quarters, in proportion to `days` in each.

    What a quarter gave beyond its new portion goes back to its pool, and what it lacks comes out of it.
    Held GPU-seconds stay where they are. Whoever waits for the resource hears of what came free by the outbox
    (topic `pool_freed`). Raises Refused (code `over_capacity`, figures wanted and free per
    quarter) where a pool doesn't have what it would give, and what `check` raises.
    """
    draft = Draft(
        kind=PostingKind.RESPREAD,
        key=key,
        allocation_code=allocation_code,
        content={"days": {str(quarter): count for quarter, count in days.items()}},
        actor=actor,
        reason=reason,
    )
    ids = {*pools.ids_of(resource, days), *pools.ids_behind(allocation_code)}
    books = Books.lock([allocation_code], ids)
    if posted := repeat_of(draft):
        return posted
    allocation = books.of(allocation_code)
    change: dict[int, int] = {}
    for pool, part in pools.parts(books, allocation, allocation.available.balance):
        change[pool.pk] = change.get(pool.pk, 0) - part
    for pool, part in _spread(books, days, allocation.available.balance):
        change[pool.pk] = change.get(pool.pk, 0) + part
    _need_free((books.by_id[pk], amount) for pk, amount in change.items())
    _ask(check, books, change)
    for pk, amount in sorted(change.items()):
        draft.move(allocation.available, books.by_id[pk], max(-amount, 0))
    for pk, amount in sorted(change.items()):
        draft.move(books.by_id[pk], allocation.available, max(amount, 0))
    _tell_freed(resource, change)
    return write(draft)


@transaction.atomic
def transfer_post(
    *,
    resource: Resource,
    source_code: str,
    target_code: str,
    gpu_seconds: int,
    days: dict[Quarter, int],
    key: str,
    actor: User | None,
    reason: str = "",
    anew: bool = False,
    check: Check | None = None,
) -> Posting:
    """Move what is available from one allocation of `resource` to another.

    Each GPU-second passes through the pool of the quarter that gave it, the latest first, in one transaction:
    nobody else can take it on the way. `days` are those of each quarter that the target still covers; what
    lies in quarters after them is spread over these anew, out of what is free there; with `anew` all of it
    is, as by an extension, for a target that lasts longer. A debt of the target is repaid first. Whoever
    waits for the resource hears of what came free, as of a respread. Raises Refused (codes `over_available`
    with figures wanted and available, `over_capacity`), what `check` raises, and IllegalState where both are
    the same.
    """
    need_amount(gpu_seconds)
    if source_code == target_code:
        raise IllegalState(_("GPU-hours move from one allocation to another, not to the same."))
    content: dict[str, Any] = {
        "gpu_seconds": gpu_seconds,
        "days": {str(quarter): count for quarter, count in days.items()},
        **({"anew": True} if anew else {}),
    }
    leaves, arrives = (
        Draft(
            kind=PostingKind.TRANSFER,
            key=key + end,
            allocation_code=code,
            reference=other,
            content=content,
            actor=actor,
            reason=reason,
        )
        for code, other, end in ((source_code, target_code, ""), (target_code, source_code, ARRIVES))
    )
    ids = {*pools.ids_of(resource, days), *pools.ids_behind(source_code)}
    books = Books.lock([source_code, target_code], ids)
    if posted := repeat_of(leaves):
        return posted
    source, target = books.of(source_code), books.of(target_code)
    if gpu_seconds > source.available.balance:
        raise over_available(gpu_seconds, source)
    last, beyond, arriving = max(map(str, days)), 0, []
    change: dict[int, int] = {}
    for pool, part in pools.parts(books, source, gpu_seconds):
        leaves.move(source.available, pool, part)
        change[pool.pk] = -part
        if pool.quarter <= last and not anew:
            arriving.append((pool, part))
        else:
            beyond += part
    spread = _spread(books, days, beyond)
    taken = {pool.pk: part for pool, part in arriving}
    _need_free((pool, part + taken.get(pool.pk, 0)) for pool, part in spread)
    for pool, part in [*arriving, *spread]:
        change[pool.pk] = change.get(pool.pk, 0) + part
    _ask(check, books, change)
    for pool, part in [*arriving, *spread]:
        target.credit(arrives, pool, part)
    _tell_freed(resource, change)
    return write(leaves, arrives)


def over_available(wanted: int, allocation: AllocationBooks) -> Refused:
    available = allocation.available.balance
    return Refused(
        _("%(wanted)s GPU-hours can't be moved: %(available)s are available.")
        % {"wanted": hours(wanted), "available": hours(available)},
        field="gpu_hours",
        code="over_available",
        remedy=_("Move less, or wait until jobs have ended."),
        figures={"wanted": wanted, "available": available},
    )


def _spread(books: Books, days: dict[Quarter, int], amount: int) -> list[tuple[Account, int]]:
    parts = split_evenly(amount, list(days.values()))
    return [(books.pool(quarter), part) for quarter, part in zip(days, parts, strict=True)]


def _ask(check: Check | None, books: Books, change: dict[int, int]) -> None:
    gains = {Quarter.parse(books.by_id[pk].quarter): amount for pk, amount in change.items() if amount > 0}
    if check is not None and gains:
        check(gains)


def _tell_freed(resource: Resource, change: dict[int, int]) -> None:
    """Whoever waits hears of pools that got something back: `change` is what each gives."""
    if any(amount < 0 for amount in change.values()):
        outbox.enqueue(topic="pool_freed", payload={"resource": resource.code}, key=resource.code)


def _need_free(wanted: Iterable[tuple[Account, int]]) -> None:
    """Raises Refused where a pool has less than is wanted of it."""
    for pool, amount in wanted:
        if amount > pool.balance:
            raise Refused(
                _("%(wanted)s GPU-hours are wanted in %(quarter)s, and %(free)s are free.")
                % {"wanted": hours(amount), "quarter": pool.quarter, "free": hours(pool.balance)},
                field="ends_on",
                code="over_capacity",
                remedy=_("Choose an earlier day, or give back first what isn't needed."),
                figures={"quarter": pool.quarter, "wanted": amount, "free": pool.balance},
            )
