"""The ledger of one allocation in words: what each entry did, and what was available after it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from allocations.ledger.models import AccountKind, Posting, Transfer
from allocations.ledger.models.account import WITHHELD
from allocations.ledger.selectors import available_after

# What a flow means to the people whose budget it is; %(quarter)s where a pool is involved.
WORDS = {
    ("pool", "available"): _("granted from %(quarter)s"),
    ("pool", "overrun"): _("granted from %(quarter)s, covers overrun"),
    ("available", "pool"): _("returned to %(quarter)s"),
    ("overrun", "pool"): _("returned to %(quarter)s, overrun again"),
    ("available", "held"): _("set aside"),
    ("held", "available"): _("no longer set aside"),
    ("held", "overrun"): _("no longer set aside, covers overrun"),
    ("overrun", "held"): _("set aside again, overrun again"),
    ("held", "spent"): _("used from what was set aside"),
    ("available", "spent"): _("used from what was available"),
    ("overrun", "spent"): _("used beyond the budget"),
    ("spent", "available"): _("refunded"),
    ("spent", "overrun"): _("refunded, covers overrun"),
    ("spent", "held"): _("refunded to what was set aside"),
    ("available", "overrun"): _("covers overrun"),
    ("overrun", "available"): _("overrun again"),
}


@dataclass(frozen=True)
class Line:
    """One transfer: so many GPU-seconds, and what became of them."""

    gpu_seconds: int
    words: str
    source: AccountKind
    target: AccountKind


@dataclass(frozen=True)
class Entry:
    """One posting as the statement shows it. `change` is what it did to the available GPU-seconds."""

    posting: Posting
    lines: list[Line]
    change: int
    available: int
    job: str
    by: str


def statement(allocation_code: str, postings: Sequence[Posting]) -> list[Entry]:
    """Entries for postings as the selectors bring them; one query, however many there are."""
    after = available_after(allocation_code, [posting.pk for posting in postings])
    return [
        Entry(
            posting=posting,
            lines=[_line(transfer) for transfer in posting.transfers.all()],
            change=_change(posting.transfers.all()),
            available=after[posting.pk],
            job=job_of(posting),
            by=getattr(posting, "actor_name", None) or posting.actor,
        )
        for posting in postings
    ]


def job_of(posting: Posting) -> str:
    """The job whose hold a posting touched, empty if none."""
    holds = (transfer.hold for transfer in posting.transfers.all())
    codes = (hold.job_code for hold in holds if hold)
    return next((code for code in codes if not code.startswith(WITHHELD)), "")


def _line(transfer: Transfer) -> Line:
    quarter = transfer.from_account.quarter or transfer.to_account.quarter
    words = WORDS[transfer.from_kind, transfer.to_kind] % {"quarter": quarter}
    return Line(transfer.amount, str(words), AccountKind(transfer.from_kind), AccountKind(transfer.to_kind))


def _change(transfers: Iterable[Transfer]) -> int:
    gained = sum(transfer.amount for transfer in transfers if transfer.to_kind == AccountKind.AVAILABLE)
    lost = sum(transfer.amount for transfer in transfers if transfer.from_kind == AccountKind.AVAILABLE)
    return gained - lost
