"""How postings are written: lock the accounts, look for repeats, move in memory, write in one statement.

The database checks everything again; what is worked out here only tells people beforehand, with figures.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, Self

from django.db import connection
from django.utils.translation import gettext as _

from allocations.ledger.models import AccountKind, Hold, LedgerAccount, Posting, PostingKind
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput
from portal.people.models import User

LONGEST_KEY = 70  # of the 80 that fit; the rest is for what a service posts besides


class Line(NamedTuple):
    source: LedgerAccount
    target: LedgerAccount
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

    @property
    def fingerprint(self) -> bytes:
        whole = [self.kind, self.allocation_code, self.reference, self.content]
        return blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=16).digest()

    def move(
        self, source: LedgerAccount, target: LedgerAccount, amount: int, hold: Hold | None = None
    ) -> None:
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

    available: LedgerAccount
    held: LedgerAccount
    spent: LedgerAccount
    overrun: LedgerAccount

    @property
    def debt(self) -> int:
        """What was spent without budget, in GPU-seconds."""
        return -self.overrun.balance

    def credit(self, draft: Draft, source: LedgerAccount, amount: int, hold: Hold | None = None) -> int:
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


class Books:
    """Ledger accounts locked in order of id until the transaction ends."""

    def __init__(self, accounts: Iterable[LedgerAccount]) -> None:
        self.by_id = {account.pk: account for account in accounts}
        self._of_allocation = {
            (account.allocation_code, account.kind): account
            for account in self.by_id.values()
            if account.allocation_code
        }
        self._of_resource = {
            account.quarter: account for account in self.by_id.values() if not account.allocation_code
        }

    @classmethod
    def lock(cls, codes: Iterable[str | None], ids: Iterable[int] = ()) -> Self:
        """Lock the ledger accounts of allocations, and others by id, all in one sorted set."""
        return cls(
            LedgerAccount.objects.raw(
                "SELECT * FROM ledger_lock(%s::text[], %s::bigint[])",
                [[code for code in codes if code], list(ids)],
            )
        )

    @property
    def supply(self) -> LedgerAccount:
        """The resource's supply, where it was locked."""
        return self._of_resource[""]

    def pool(self, quarter: Quarter) -> LedgerAccount:
        """The resource's pool of a quarter, where it was locked."""
        return self._of_resource[str(quarter)]

    def of(self, code: str) -> AllocationBooks:
        """Raises InvalidInput (code `no_ledger`) where the ledger doesn't know the allocation."""
        try:
            return AllocationBooks(
                *(self._of_allocation[code, kind] for kind in ("available", "held", "spent", "overrun"))
            )
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


def earlier(drafts: Sequence[Draft]) -> dict[str, Posting]:
    """Postings that stand under the drafts' keys already: ask once the accounts are locked.

    Raises IllegalState (code `key_reused`) where one says something else.
    """
    found = {posting.key: posting for posting in Posting.objects.filter(key__in=[d.key for d in drafts])}
    for draft in drafts:
        if draft.key in found and bytes(found[draft.key].fingerprint) != draft.fingerprint:
            raise _key_reused(draft.key)
    return found


def repeat_of(draft: Draft) -> Posting | None:
    """The posting that this draft would repeat, if there is one."""
    return earlier([draft]).get(draft.key)


# One statement: fewer round trips while the accounts are locked. The trigger sees the whole of it at once.
WRITE = """
    WITH posting AS (
      INSERT INTO ledger_posting
        (key, fingerprint, kind, allocation_code, reference, about_id, actor, reason)
      SELECT * FROM unnest(
        %s::text[], %s::bytea[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[])
      ON CONFLICT DO NOTHING RETURNING id, key, posted_at
    ), transfer AS (
      INSERT INTO ledger_transfer
        (posting_id, line, resource_id, from_account_id, from_kind, to_account_id, to_kind, amount, hold_id)
      SELECT posting.id, line, resource, source, source_kind, target, target_kind, amount, hold
      FROM unnest(%s::text[], %s::smallint[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
                  %s::text[], %s::bigint[], %s::bigint[])
        AS row(key, line, resource, source, source_kind, target, target_kind, amount, hold)
      JOIN posting USING (key)
    )
    SELECT id, key, posted_at FROM posting
"""


def write(*drafts: Draft) -> list[Posting]:
    """Write postings with all their transfers; the accounts must be locked.

    Raises IllegalState (code `key_reused`) where somebody else posts under one of the keys at this moment.
    """
    headers = [
        (d.key, d.fingerprint, d.kind.value, d.allocation_code, d.reference, d.about and d.about.pk,
         d.actor.code if d.actor else "", d.reason)
        for d in drafts
    ]  # fmt: skip
    rows = [
        (d.key, number, line.source.resource_id, line.source.pk, line.source.kind, line.target.pk,
         line.target.kind, line.amount, line.hold.pk if line.hold else None)
        for d in drafts
        for number, line in enumerate(d.lines, start=1)
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [*_columns(headers, 8), *_columns(rows, 9)])
        written = {key: (pk, posted_at) for pk, key, posted_at in cursor.fetchall()}
    for draft in drafts:
        if draft.key not in written:
            raise _key_reused(draft.key)
    return [_posting(draft, *written[draft.key]) for draft in drafts]


def _columns(rows: list[Any], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * count


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
