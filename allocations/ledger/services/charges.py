"""Charges for what ran, and their corrections. A charge is never refused: the job already ran."""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Case, F, Q, Sum, When
from django.utils.translation import gettext as _

from allocations.ledger import pools
from allocations.ledger.books import (
    AllocationBooks,
    Books,
    Draft,
    array,
    need_amount,
    repeat_of,
    repeats_among,
    write,
)
from allocations.ledger.models import AccountKind, Hold, Posting, PostingKind, Transfer
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.formats import hours
from portal.people.models import User

MOST_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One run that ended. `run_key` names it (cluster, job id, submit time); `job_code` is the portal's job.

    `release_rest` lets go of what is left of the job's hold, in a posting of its own (key + "/release").
    """

    allocation_code: str
    run_key: str
    gpu_seconds: int
    key: str
    job_code: str | None = None
    release_rest: bool = False

    def draft(self) -> Draft:
        need_amount(self.gpu_seconds, least=0)
        return Draft(
            kind=PostingKind.CHARGE,
            key=self.key,
            allocation_code=self.allocation_code,
            reference=self.run_key,
            content={"gpu_seconds": self.gpu_seconds, "job": self.job_code, "release": self.release_rest},
        )


def charge_post(
    *,
    allocation_code: str,
    run_key: str,
    gpu_seconds: int,
    key: str,
    job_code: str | None = None,
    release_rest: bool = False,
) -> Posting:
    """Charge one run: from the job's own hold, then from what is available, then into overrun.

    Raises IllegalState (code `run_charged`) where the run was charged under another key.
    """
    charge = Charge(
        allocation_code=allocation_code,
        run_key=run_key,
        gpu_seconds=gpu_seconds,
        key=key,
        job_code=job_code,
        release_rest=release_rest,
    )
    charge_many([charge])
    return Posting.objects.get(key=key)


@transaction.atomic
def charge_many(charges: list[Charge]) -> int:
    """Charge up to 1,000 runs in one transaction with one sorted set of locks.

    Returns how many are charged now; the others were before, under the same keys. One that is refused, as by
    `charge_post`, stops all.
    """
    if len(charges) > MOST_AT_ONCE:
        raise InvalidInput(_("At most %(most)d charges at once.") % {"most": MOST_AT_ONCE}, field="charges")
    drafts = [charge.draft() for charge in charges]
    _refuse_doubles(drafts)
    books = Books.lock({charge.allocation_code for charge in charges})
    posted = repeats_among(drafts)
    fresh = [
        (charge, draft) for charge, draft in zip(charges, drafts, strict=True) if draft.key not in posted
    ]
    _refuse_charged([charge.run_key for charge, _draft in fresh])
    holds = _holds_of([charge.job_code for charge, _draft in fresh if charge.job_code])
    writing = []
    for charge, draft in fresh:
        allocation = books.of(charge.allocation_code)
        hold = _own_hold(holds, charge, allocation)
        allocation.spend(draft, charge.gpu_seconds, hold)
        writing.append(draft)
        if charge.release_rest and hold is not None and hold.remaining:
            writing.append(_release(charge, allocation, hold))
    if writing:
        write(*writing)
    return len(fresh)


@transaction.atomic
def charge_correct(
    *, allocation_code: str, run_key: str, gpu_seconds: int, key: str, actor: User | None = None, reason: str
) -> Posting:
    """Bring what a run was charged to `gpu_seconds` in all, by posting the difference.

    Raises InvalidInput (code `no_charge`) where the run was never charged to this allocation.
    """
    need_amount(gpu_seconds, least=0)
    charge = _charge_of(allocation_code, run_key)
    draft = Draft(
        kind=PostingKind.CORRECTION,
        key=key,
        allocation_code=allocation_code,
        reference=run_key,
        content={"gpu_seconds": gpu_seconds},
        about=charge,
        actor=actor,
        reason=reason,
    )
    allocation = Books.lock([allocation_code]).of(allocation_code)
    if posted := repeat_of(draft):
        return posted
    difference = gpu_seconds - _charged(charge)
    if difference > 0:
        allocation.spend(draft, difference)
    else:
        allocation.credit(draft, allocation.spent, -difference)
    return write(draft)


@transaction.atomic
def refund_post(
    *,
    allocation_code: str,
    run_key: str,
    gpu_seconds: int,
    key: str,
    actor: User | None = None,
    reason: str,
    sweep: bool = False,
) -> Posting:
    """Give back part of what a run was charged: repays overrun first, the rest becomes available.

    `sweep` returns that rest to the pools at once, in a posting of its own (key + "/sweep"): for an
    allocation that has ended. Raises InvalidInput (code `no_charge`) where the run was never charged to this
    allocation, and Refused (code `over_charge`, figures wanted, charged) where it was charged less.
    """
    need_amount(gpu_seconds)
    charge = _charge_of(allocation_code, run_key)
    draft = Draft(
        kind=PostingKind.REFUND,
        key=key,
        allocation_code=allocation_code,
        reference=run_key,
        content={"gpu_seconds": gpu_seconds, "sweep": sweep},
        about=charge,
        actor=actor,
        reason=reason,
    )
    books = Books.lock([allocation_code], pools.ids_behind(allocation_code) if sweep else ())
    if posted := repeat_of(draft):
        return posted
    charged = _charged(charge)
    if gpu_seconds > charged:
        raise Refused(
            _("This run was charged %(charged)s GPU-hours, less than %(wanted)s.")
            % {"charged": hours(charged), "wanted": hours(gpu_seconds)},
            field="gpu_seconds",
            code="over_charge",
            figures={"wanted": gpu_seconds, "charged": charged},
        )
    allocation = books.of(allocation_code)
    drafts = [draft]
    freed = allocation.credit(draft, allocation.spent, gpu_seconds)
    if sweep and freed:
        drafts.append(_sweep(draft, books, allocation, freed))
    return write(*drafts)


def _refuse_doubles(drafts: list[Draft]) -> None:
    keys, runs = {draft.key for draft in drafts}, {draft.reference for draft in drafts}
    if min(len(keys), len(runs)) < len(drafts):
        raise InvalidInput(_("A run, and a key, may stand among the charges once only."), field="charges")


CHARGED = """
    SELECT reference FROM ledger_posting WHERE kind = 'charge' AND reference = ANY (%s::text[]) LIMIT 1
"""


def _refuse_charged(run_keys: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(CHARGED, [array(run_keys)])
        row = cursor.fetchone()
    if row:
        raise IllegalState(
            _("Run %(run)s was charged already.") % {"run": row[0]},
            code="run_charged",
            remedy=_("Correct the charge instead."),
            figures={"run": row[0]},
        )


def _holds_of(job_codes: list[str]) -> dict[str, Hold]:
    return {hold.job_code: hold for hold in Hold.objects.filter(job_code__in=job_codes)} if job_codes else {}


def _own_hold(holds: dict[str, Hold], charge: Charge, allocation: AllocationBooks) -> Hold | None:
    hold = holds.get(charge.job_code or "")
    if hold is not None and hold.account_id != allocation.held.pk:
        raise InvalidInput(
            _("Job %(job)s has its hold in another allocation.") % {"job": charge.job_code}, field="job"
        )
    return hold


def _release(charge: Charge, allocation: AllocationBooks, hold: Hold) -> Draft:
    draft = Draft(
        kind=PostingKind.RELEASE,
        key=f"{charge.key}/release",
        allocation_code=charge.allocation_code,
        reference=hold.job_code,
        content={"after": charge.key},
    )
    allocation.credit(draft, allocation.held, hold.remaining, hold)
    return draft


def _sweep(refund: Draft, books: Books, allocation: AllocationBooks, amount: int) -> Draft:
    draft = Draft(
        kind=PostingKind.EXPIRE,
        key=f"{refund.key}/sweep",
        allocation_code=refund.allocation_code,
        content={"after": refund.key},
        actor=refund.actor,
        reason=refund.reason,
    )
    pools.give_back(books, draft, allocation, amount)
    return draft


def _charge_of(allocation_code: str, run_key: str) -> Posting:
    charge = Posting.objects.filter(
        kind=PostingKind.CHARGE, reference=run_key, allocation_code=allocation_code
    ).first()
    if charge is None:
        raise InvalidInput(
            _("Run %(run)s was never charged to this allocation.") % {"run": run_key},
            field="run",
            code="no_charge",
        )
    return charge


def _charged(charge: Posting) -> int:
    """What a run is charged by now: the charge, its corrections and refunds, and reversals of any of them."""
    family = Q(posting=charge) | Q(posting__about=charge) | Q(posting__about__about=charge)
    sign = Case(When(to_kind=AccountKind.SPENT, then=F("amount")), default=-F("amount"))
    touching = Q(to_kind=AccountKind.SPENT) | Q(from_kind=AccountKind.SPENT)
    return Transfer.objects.filter(family, touching).aggregate(total=Sum(sign))["total"] or 0
