"""Holds: the budget set aside for one job, by its public code."""

from django.db import connection, transaction
from django.utils.translation import gettext as _

from allocations.ledger.books import Account, AllocationBooks, Books, Draft, need_amount, repeat_of, write
from allocations.ledger.models import Hold, Posting, PostingKind
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.formats import hours


@transaction.atomic
def hold_place(
    *, allocation_code: str, job_code: str, gpu_seconds: int, key: str, partial: bool = False
) -> Posting:
    """Set `gpu_seconds` aside for a job.

    `partial` holds as much as there is, maybe nothing: for a job that Slurm already has. Raises Refused with
    code `in_overrun` (figures overrun) or `over_budget` (figures wanted, available), and IllegalState (code
    `hold_exists`) where the job has a hold under another key.
    """
    need_amount(gpu_seconds)
    draft = Draft(
        kind=PostingKind.HOLD,
        key=key,
        allocation_code=allocation_code,
        reference=job_code,
        content={"gpu_seconds": gpu_seconds, "partial": partial},
    )
    books = Books.lock([allocation_code])
    if posted := repeat_of(draft):
        return posted
    allocation = books.of(allocation_code)
    amount = _affordable(allocation, gpu_seconds, partial=partial)
    draft.move(allocation.available, allocation.held, amount, new_hold(job_code, allocation.held))
    return write(draft)


@transaction.atomic
def hold_top_up(*, job_code: str, gpu_seconds: int, key: str, partial: bool = False) -> Posting:
    """Set further GPU-seconds aside for a job that has a hold (a requeue). Refuses as `hold_place`.

    Raises InvalidInput (code `no_hold`) where it has none.
    """
    need_amount(gpu_seconds)
    code = _allocation_of(job_code)
    draft = Draft(
        kind=PostingKind.TOP_UP,
        key=key,
        allocation_code=code,
        reference=job_code,
        content={"gpu_seconds": gpu_seconds, "partial": partial},
    )
    allocation = Books.lock([code]).of(code)
    if posted := repeat_of(draft):
        return posted
    amount = _affordable(allocation, gpu_seconds, partial=partial)
    draft.move(allocation.available, allocation.held, amount, Hold.objects.get(job_code=job_code))
    return write(draft)


@transaction.atomic
def hold_release(*, job_code: str, key: str, gpu_seconds: int | None = None) -> Posting:
    """Let go of a job's hold, or of `gpu_seconds` of it; a debt of the allocation is repaid first.

    Nothing left to release is fine. Raises InvalidInput (code `no_hold`) where the job never had a hold, and
    Refused (code `over_hold`, figures wanted, held) where less is held.
    """
    if gpu_seconds is not None:
        need_amount(gpu_seconds)
    code = _allocation_of(job_code)
    draft = Draft(
        kind=PostingKind.RELEASE,
        key=key,
        allocation_code=code,
        reference=job_code,
        content={"gpu_seconds": gpu_seconds},
    )
    allocation = Books.lock([code]).of(code)
    if posted := repeat_of(draft):
        return posted
    hold = Hold.objects.get(job_code=job_code)
    if gpu_seconds is not None and gpu_seconds > hold.remaining:
        raise Refused(
            _("%(held)s GPU-hours are held for this job, %(wanted)s can't be released.")
            % {"held": hours(hold.remaining), "wanted": hours(gpu_seconds)},
            field="gpu_seconds",
            code="over_hold",
            figures={"wanted": gpu_seconds, "held": hold.remaining},
        )
    allocation.credit(draft, allocation.held, hold.remaining if gpu_seconds is None else gpu_seconds, hold)
    return write(draft)


NEW_HOLD = """
    INSERT INTO ledger_hold (job_code, account_id, remaining) VALUES (%s, %s, 0)
    ON CONFLICT DO NOTHING RETURNING id
"""


def new_hold(job_code: str, account: Account) -> Hold:
    """An empty hold on the locked `account`. Raises IllegalState (code `hold_exists`) where there is one."""
    with connection.cursor() as cursor:
        cursor.execute(NEW_HOLD, [job_code, account.pk])
        row = cursor.fetchone()
    if row is None:
        raise IllegalState(
            _("Budget is set aside for job %(job)s already.") % {"job": job_code},
            code="hold_exists",
            remedy=_("Top the hold up instead."),
        )
    return Hold(pk=row[0], job_code=job_code, account_id=account.pk)


def _allocation_of(job_code: str) -> str:
    """A hold never moves to another allocation, so this may be asked before locking."""
    code = Hold.objects.filter(job_code=job_code).values_list("account__allocation_code", flat=True).first()
    if code is None:
        raise InvalidInput(
            _("Nothing was set aside for job %(job)s.") % {"job": job_code}, field="job", code="no_hold"
        )
    return code


def _affordable(allocation: AllocationBooks, wanted: int, *, partial: bool) -> int:
    """How much of `wanted` can be set aside: all of it, or with `partial` what there is."""
    available = allocation.available.balance
    if partial:
        return min(wanted, available)
    if allocation.debt:
        raise Refused(
            _("This allocation has used %(overrun)s GPU-hours more than it was granted.")
            % {"overrun": hours(allocation.debt)},
            code="in_overrun",
            remedy=_("Ask for more GPU-hours; new jobs can start once the overrun is covered."),
            figures={"overrun": allocation.debt},
        )
    if wanted > available:
        raise Refused(
            _("This job may use %(wanted)s GPU-hours, and %(available)s are available.")
            % {"wanted": hours(wanted), "available": hours(available)},
            code="over_budget",
            remedy=_("Ask for fewer GPUs or less time, or wait until other jobs have ended."),
            figures={"wanted": wanted, "available": available},
        )
    return wanted
