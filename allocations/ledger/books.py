"""How postings are written: lock the accounts, look for repeats, move in memory, write in one statement.

The database checks everything again; what is worked out here only tells people beforehand, with figures.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, NamedTuple, Self

from django.db import IntegrityError, connection
from django.utils.translation import gettext as _

from allocations.ledger.models import AccountKind, Hold, Posting, PostingKind
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput
from portal.people.models import User

LONGEST_KEY = 110  # of the 120 that fit; the rest is for what a service posts besides
encode = json.JSONEncoder(sort_keys=True).encode


@dataclass(slots=True)
class Account:
    """A locked ledger account. Plain, not a model instance: a batch locks hundreds."""

    pk: int
    resource_id: int
    kind: str
    quarter: str
    allocation_code: str | None
    balance: int


class Line(NamedTuple):
    source: Account
    target: Account
    amount: int
    hold: Hold | None


@dataclass
class Draft:
    """A posting on its way. `content` is what the caller asked for: a repeat must ask for the same."""

    kind: PostingKind
    key: str
    content: dict[str, Any]
    allocation_code: str | None = None
    reference: str = ""
    about: Posting | None = None
    actor: User | None = None
    reason: str = ""
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.key or len(self.key) > LONGEST_KEY + 10:
            raise InvalidInput(
                _("A posting needs a key of 1 to %(most)d characters.") % {"most": LONGEST_KEY}, field="key"
            )

    @cached_property
    def fingerprint(self) -> bytes:
        whole = [self.kind.value, self.allocation_code, self.reference, self.content]
        return blake2b(encode(whole).encode(), digest_size=16).digest()

    def move(self, source: Account, target: Account, amount: int, hold: Hold | None = None) -> None:
        """Note a transfer, and what it does to the balances in memory. Nothing moves at 0."""
        if amount == 0:
            return
        source.balance -= amount
        target.balance += amount
        if hold is not None:
            hold.remaining += amount if target.kind == AccountKind.HELD else -amount
        self.lines.append(Line(source, target, amount, hold))


class AllocationBooks(NamedTuple):
    """The four locked ledger accounts of one allocation, and the ways that amounts flow between them."""

    available: Account
    held: Account
    spent: Account
    overrun: Account

    @property
    def debt(self) -> int:
        """What was spent without budget, in GPU-seconds."""
        return -self.overrun.balance

    def credit(self, draft: Draft, source: Account, amount: int, hold: Hold | None = None) -> int:
        """An inflow: it repays the overrun first. Returns what became available."""
        repaid = min(amount, self.debt)
        draft.move(source, self.overrun, repaid, hold)
        draft.move(source, self.available, amount - repaid, hold)
        return amount - repaid

    def spend(self, draft: Draft, amount: int, hold: Hold | None = None) -> None:
        """A charge: from the job's own hold, then from what is available, then without budget."""
        if hold is not None:
            from_hold = min(amount, hold.remaining)
            draft.move(self.held, self.spent, from_hold, hold)
            amount -= from_hold
        from_available = min(amount, self.available.balance)
        draft.move(self.available, self.spent, from_available)
        draft.move(self.overrun, self.spent, amount - from_available)

    def settle(self, draft: Draft) -> None:
        """Nothing stays available while there is overrun."""
        draft.move(self.available, self.overrun, min(self.debt, self.available.balance))


LOCK = """
    SELECT id, resource_id, kind, quarter, allocation_code, balance
    FROM ledger_lock(%s::text[], %s::bigint[])
"""


class Books:
    """Ledger accounts locked in order of id until the transaction ends."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.by_id = {account.pk: account for account in accounts}
        self._of_allocation: dict[str, AllocationBooks] = {}
        whole = {(account.allocation_code, account.kind): account for account in self.by_id.values()}
        for code, kind in whole:
            if code and kind == AccountKind.AVAILABLE:
                self._of_allocation[code] = AllocationBooks(
                    *(whole[code, each] for each in ("available", "held", "spent", "overrun"))
                )
        self._of_resource = {
            account.quarter: account for account in self.by_id.values() if not account.allocation_code
        }

    @classmethod
    def lock(cls, codes: Iterable[str | None], ids: Iterable[int] = ()) -> Self:
        """Lock the ledger accounts of allocations, and others by id, all in one sorted set."""
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [array([code for code in codes if code]), array(list(ids))])
            return cls(Account(*row) for row in cursor.fetchall())

    @property
    def supply(self) -> Account:
        """The resource's supply, where it was locked."""
        return self._of_resource[""]

    def pool(self, quarter: Quarter) -> Account:
        """The resource's pool of a quarter, where it was locked."""
        return self._of_resource[str(quarter)]

    def of(self, code: str) -> AllocationBooks:
        """Raises InvalidInput (code `no_ledger`) where the ledger doesn't know the allocation."""
        try:
            return self._of_allocation[code]
        except KeyError:
            raise InvalidInput(
                _("The ledger knows no allocation %(code)s.") % {"code": code},
                field="allocation",
                code="no_ledger",
            ) from None


def need_amount(gpu_seconds: int, *, least: int = 1) -> None:
    """Raises InvalidInput for an amount below `least`, or none at all."""
    if not isinstance(gpu_seconds, int) or isinstance(gpu_seconds, bool) or gpu_seconds < least:
        raise InvalidInput(
            _("The amount must be a whole number of GPU-seconds, at least %(least)d.") % {"least": least},
            field="gpu_seconds",
        )


def repeat_of(draft: Draft) -> Posting | None:
    """The posting that this draft would repeat, if there is one: ask once the accounts are locked.

    Raises IllegalState (code `key_reused`) where that one says something else.
    """
    posting = Posting.objects.filter(key=draft.key).first()
    if posting and bytes(posting.fingerprint) != draft.fingerprint:
        raise _key_reused(draft.key)
    return posting


def repeats_among(drafts: Sequence[Draft]) -> set[str]:
    """The keys of those drafts that are repeats; asked and refused as `repeat_of`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, fingerprint FROM ledger_posting WHERE key = ANY (%s::text[])",
            [array([draft.key for draft in drafts])],
        )
        posted = {key: bytes(fingerprint) for key, fingerprint in cursor.fetchall()}
    for draft in drafts:
        if posted.get(draft.key, draft.fingerprint) != draft.fingerprint:
            raise _key_reused(draft.key)
    return set(posted)


# One statement: fewer round trips while the accounts are locked. The trigger sees the whole of it at once.
WRITE = """
    WITH posting AS (
      INSERT INTO ledger_posting
        (key, fingerprint, kind, allocation_code, reference, about_id, actor, reason)
      SELECT key, decode(fingerprint, 'hex'), kind, allocation_code, reference, about, actor, reason
      FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],
                  %s::text[])
        AS row(key, fingerprint, kind, allocation_code, reference, about, actor, reason)
      RETURNING id, key, posted_at
    ), transfer AS (
      INSERT INTO ledger_transfer
        (posting_id, line, resource_id, from_account_id, from_kind, to_account_id, to_kind, amount, hold_id)
      SELECT posting.id, line, resource, source, source_kind, target, target_kind, amount, hold
      FROM unnest(%s::text[], %s::smallint[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
                  %s::text[], %s::bigint[], %s::bigint[])
        AS row(key, line, resource, source, source_kind, target, target_kind, amount, hold)
      JOIN posting USING (key)
    )
    SELECT id, posted_at FROM posting WHERE key = %s
"""


def write(first: Draft, *others: Draft) -> Posting:
    """Write postings with all their transfers, and return the first; the accounts must be locked.

    Raises IllegalState (code `key_reused`) where somebody else posts under one of the keys at this moment.
    """
    drafts = (first, *others)
    headers = [
        (d.key, d.fingerprint.hex(), d.kind.value, d.allocation_code, d.reference, d.about and d.about.pk,
         d.actor.code if d.actor else "", d.reason)
        for d in drafts
    ]  # fmt: skip
    rows = [
        (d.key, number, line.source.resource_id, line.source.pk, line.source.kind, line.target.pk,
         line.target.kind, line.amount, line.hold.pk if line.hold else None)
        for d in drafts
        for number, line in enumerate(d.lines, start=1)
    ]  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute(WRITE, [*_columns(headers, 8), *_columns(rows, 9), first.key])
            pk, posted_at = cursor.fetchone()
    except IntegrityError as error:
        if "ledger_posting_once" in str(error):
            raise _key_reused(first.key) from error
        raise
    return _posting(first, pk, posted_at)


def array(values: Sequence[int | str | None]) -> str:
    """An array literal: the server reads it ten times as fast as an ARRAY[…] expression."""
    return "{" + ",".join(map(_element, values)) + "}"


def _columns(rows: list[Any], count: int) -> list[str]:
    return [array(column) for column in zip(*rows, strict=True)] if rows else ["{}"] * count


def _element(value: int | str | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _posting(draft: Draft, pk: int, posted_at: Any) -> Posting:
    posting = Posting(
        pk=pk,
        key=draft.key,
        fingerprint=draft.fingerprint,
        kind=draft.kind,
        allocation_code=draft.allocation_code,
        reference=draft.reference,
        about=draft.about,
        actor=draft.actor.code if draft.actor else "",
        reason=draft.reason,
        posted_at=posted_at,
    )
    posting._state.adding = False
    return posting


def _key_reused(key: str) -> IllegalState:
    return IllegalState(
        _("Something else was posted under the key %(key)s.") % {"key": key},
        code="key_reused",
        remedy=_("Use a new key for a new posting."),
    )
