"""What flows between a resource's pools and an allocation."""

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from allocations.ledger import pools
from allocations.ledger.books import Books, Draft, need_amount, repeat_of, write
from allocations.ledger.models import LedgerAccount, Posting, PostingKind, Transfer
from allocations.ledger.models.account import OF_ALLOCATION
from datacenters.models import Resource
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.formats import hours
from portal.foundation.services import outbox
from portal.people.models import User

RETURNS = (PostingKind.EXPIRE, PostingKind.RECLAIM, PostingKind.GIVE_BACK)
BEYOND = "/beyond"  # follows an award's key in that of its oversubscription


@transaction.atomic
def allocation_open(*, resource: Resource, allocation_code: str) -> None:
    """Create the allocation's four ledger accounts. Does nothing where they exist.

    Raises IllegalState (code `other_resource`) where they exist on another resource.
    """
    accounts = LedgerAccount.objects.filter(allocation_code=allocation_code)
    if not accounts.exists():
        LedgerAccount.objects.bulk_create(
            [
                LedgerAccount(resource=resource, kind=kind, allocation_code=allocation_code)
                for kind in OF_ALLOCATION
            ],
            ignore_conflicts=True,
        )
    if accounts.exclude(resource=resource).exists():
        raise IllegalState(
            _("The ledger has allocation %(code)s on another resource.") % {"code": allocation_code},
            code="other_resource",
        )


@transaction.atomic
def award_post(
    *,
    resource: Resource,
    allocation_code: str,
    portions: dict[Quarter, int],
    key: str,
    actor: User | None,
    oversubscribe: bool = False,
    reason: str = "",
) -> int:
    """Grant GPU-seconds per quarter from the resource's pools; a debt of the allocation is repaid first.

    With `oversubscribe` what the pools lack is created first (kind oversubscription, `actor` being its
    approver). Returns that shortfall in GPU-seconds, 0 where the pools sufficed. Opens the ledger accounts
    where needed. Raises Refused (code `over_capacity`, figures wanted and free per quarter) otherwise.
    """
    for gpu_seconds in portions.values():
        need_amount(gpu_seconds, least=0)
    need_amount(sum(portions.values()))
    asked = {str(quarter): gpu_seconds for quarter, gpu_seconds in portions.items()}
    award = Draft(
        kind=PostingKind.AWARD,
        key=key,
        allocation_code=allocation_code,
        content={"portions": asked, "oversubscribe": oversubscribe},
        actor=actor,
        reason=reason,
    )
    allocation_open(resource=resource, allocation_code=allocation_code)
    books = Books.lock([allocation_code], pools.ids_of(resource, portions))
    if posted := repeat_of(award):
        return _shortfall_of(posted)
    lacking = {quarter: max(part - books.pool(quarter).balance, 0) for quarter, part in portions.items()}
    drafts = [award]
    if any(lacking.values()):
        if not oversubscribe:
            raise _over_capacity(books, portions)
        drafts.insert(0, _beyond(award, books, resource, lacking))
    for quarter in sorted(portions):
        books.of(allocation_code).credit(award, books.pool(quarter), portions[quarter])
    write(*drafts)
    return sum(lacking.values())


@transaction.atomic
def return_post(
    *,
    allocation_code: str,
    kind: PostingKind,
    key: str,
    actor: User | None,
    gpu_seconds: int | None = None,
    reason: str = "",
) -> Posting:
    """Give what is available back to the pools it came from, the latest quarter first.

    `kind` is EXPIRE, RECLAIM or GIVE_BACK; `gpu_seconds` None means all that is available. Held GPU-seconds
    stay held. Whoever waits for the resource hears of it by the outbox (topic `pool_freed`). Raises Refused
    (code `over_available`, figures wanted, available) where that much isn't there.
    """
    if kind not in RETURNS:
        raise InvalidInput(_("A return is an expiry, a reclamation or given back."), field="kind")
    if gpu_seconds is not None:
        need_amount(gpu_seconds)
    draft = Draft(
        kind=PostingKind(kind),
        key=key,
        allocation_code=allocation_code,
        content={"gpu_seconds": gpu_seconds},
        actor=actor,
        reason=reason,
    )
    books = Books.lock([allocation_code], pools.ids_behind(allocation_code))
    if posted := repeat_of(draft):
        return posted
    allocation = books.of(allocation_code)
    available = allocation.available.balance
    if gpu_seconds is not None and gpu_seconds > available:
        raise Refused(
            _("%(wanted)s GPU-hours can't be returned: %(available)s are available.")
            % {"wanted": hours(gpu_seconds), "available": hours(available)},
            field="gpu_seconds",
            code="over_available",
            remedy=_("Return less, or wait until held jobs have ended."),
            figures={"wanted": gpu_seconds, "available": available},
        )
    pools.give_back(books, draft, allocation, available if gpu_seconds is None else gpu_seconds)
    if draft.lines:
        resource = Resource.objects.get(pk=allocation.available.resource_id)
        outbox.enqueue(topic="pool_freed", payload={"resource": resource.code}, key=resource.code)
    return write(draft)


def _beyond(award: Draft, books: Books, resource: Resource, lacking: dict[Quarter, int]) -> Draft:
    """The posting that creates what an award takes beyond the pools."""
    draft = Draft(
        kind=PostingKind.OVERSUBSCRIPTION,
        key=award.key + BEYOND,
        reference=award.allocation_code or "",
        content=award.content,
        actor=award.actor,
        reason=award.reason,
    )
    for quarter in sorted(lacking):
        draft.move(books.supply, books.pool(quarter), lacking[quarter])
    return draft


def _shortfall_of(award: Posting) -> int:
    beyond = Transfer.objects.filter(posting__key=award.key + BEYOND)
    return beyond.aggregate(total=Sum("amount"))["total"] or 0


def _over_capacity(books: Books, portions: dict[Quarter, int]) -> Refused:
    figures = {
        str(quarter): {"wanted": wanted, "free": books.pool(quarter).balance}
        for quarter, wanted in sorted(portions.items())
    }
    short = next(name for name, figure in figures.items() if figure["wanted"] > figure["free"])
    return Refused(
        _("%(wanted)s GPU-hours are wanted in %(quarter)s, and %(free)s are free.")
        % {
            "wanted": hours(figures[short]["wanted"]),
            "quarter": short,
            "free": hours(figures[short]["free"]),
        },
        field="gpu_hours",
        code="over_capacity",
        remedy=_("Award less or for another period, or record an override."),
        figures={
            "wanted": sum(figure["wanted"] for figure in figures.values()),
            "free": sum(figure["free"] for figure in figures.values()),
            "quarters": figures,
        },
    )
