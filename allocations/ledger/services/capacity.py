"""Capacity: what the programme may award of a resource in a quarter."""

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.ledger import pools
from allocations.ledger.books import Books, Draft, need_amount, repeat_of, write
from allocations.ledger.models import Posting, PostingKind
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, Refused
from portal.foundation.formats import hours
from portal.foundation.services import audit
from portal.people.models import User


@transaction.atomic
def capacity_set(
    *, resource: Resource, quarter: Quarter, gpu_seconds: int, key: str, actor: User | None
) -> Posting:
    """Bring the capacity planned for `quarter` to `gpu_seconds` by posting the difference.

    What was created beyond capacity by an override counts as there already, and is taken back as far as it is
    free. Raises Refused (code `capacity_in_use`, figures wanted, awarded, free) where awards took more.
    """
    need_amount(gpu_seconds, least=0)
    draft = Draft(
        kind=PostingKind.CAPACITY,
        key=key,
        reference=resource.code,
        content={"quarter": str(quarter), "gpu_seconds": gpu_seconds},
        actor=actor,
    )
    books = Books.lock([], pools.ids_of(resource, [quarter]))
    if posted := repeat_of(draft):
        return posted
    pool = books.pool(quarter)
    there, beyond = pools.created(pool), pools.created(pool, PostingKind.OVERSUBSCRIPTION)
    surplus = max(there - gpu_seconds, 0)
    taken = min(surplus, pool.balance)
    if surplus - taken > beyond:
        raise _in_use(quarter, wanted=gpu_seconds, there=there, free=pool.balance)
    draft.move(books.supply, pool, max(gpu_seconds - there, 0))
    draft.move(pool, books.supply, taken)
    audit.record(
        actor=actor,
        action="capacity_set",
        target=resource,
        before={"quarter": str(quarter), "gpu_seconds": there},
        after={"quarter": str(quarter), "gpu_seconds": gpu_seconds},
    )
    return write(draft)


@transaction.atomic
def capacity_lapse(*, resource: Resource, quarter: Quarter, key: str, actor: User | None) -> Posting:
    """Take what nobody was awarded of a past quarter out of its pool.

    Raises IllegalState where the quarter isn't over.
    """
    if quarter.last_day >= clock.today():
        raise IllegalState(
            _("%(quarter)s isn't over: its capacity can't lapse yet.") % {"quarter": quarter}, field="quarter"
        )
    draft = Draft(
        kind=PostingKind.LAPSE,
        key=key,
        reference=resource.code,
        content={"quarter": str(quarter)},
        actor=actor,
    )
    books = Books.lock([], pools.ids_of(resource, [quarter]))
    if posted := repeat_of(draft):
        return posted
    draft.move(books.pool(quarter), books.supply, books.pool(quarter).balance)
    return write(draft)


def _in_use(quarter: Quarter, *, wanted: int, there: int, free: int) -> Refused:
    awarded = there - free
    return Refused(
        _("%(awarded)s GPU-hours of %(quarter)s are awarded; %(wanted)s would be too few.")
        % {"awarded": hours(awarded), "quarter": quarter, "wanted": hours(wanted)},
        field="gpu_seconds",
        code="capacity_in_use",
        remedy=_("Plan at least what is awarded, or have allocations give back first."),
        figures={"wanted": wanted, "awarded": awarded, "free": free},
    )
