"""Recomputing the whole ledger from its transfers.

The database keeps these truths by itself. This finds out whether somebody went round it: an owner who
switched triggers off, a damaged disk, a restored backup.
"""

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True)
class Discrepancy:
    """`rule` is what doesn't hold, `where` names the row; `expected` follows from the transfers."""

    rule: str
    where: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: expected {self.expected}, found {self.found}"


# One statement, so one snapshot: it holds while others post.
FIRST = """
    WITH side AS (
      SELECT to_account_id AS account_id, hold_id, to_kind AS kind, amount FROM ledger_transfer
      UNION ALL SELECT from_account_id, hold_id, from_kind, -amount FROM ledger_transfer
    ), account AS (
      SELECT account.*, concat_ws(' ', resource.code, account.allocation_code, kind, nullif(quarter, ''))
        AS name
      FROM ledger_ledgeraccount account JOIN datacenters_resource resource ON resource.id = resource_id
    ), account_sum AS (
      SELECT account_id, sum(amount) AS total FROM side GROUP BY account_id
    ), hold_sum AS (
      SELECT hold_id, sum(amount) AS total FROM side WHERE kind = 'held' GROUP BY hold_id
    ), held AS (
      SELECT account_id, sum(remaining) AS total FROM ledger_hold GROUP BY account_id
    ), allocation AS (
      SELECT allocation_code AS code,
        sum(balance) FILTER (WHERE kind = 'available') AS available,
        -sum(balance) FILTER (WHERE kind = 'overrun') AS overrun,
        sum(balance) AS total
      FROM account WHERE allocation_code IS NOT NULL GROUP BY allocation_code
    ), granted AS (
      SELECT allocation_code AS code,
        sum(CASE WHEN from_kind = 'pool' THEN amount ELSE -amount END) AS net
      FROM ledger_transfer transfer
      JOIN account ON account.id = CASE WHEN from_kind = 'pool' THEN to_account_id ELSE from_account_id END
      WHERE (from_kind = 'pool' OR to_kind = 'pool') AND allocation_code IS NOT NULL
      GROUP BY allocation_code
    ), stray AS (
      SELECT posting.key, line, transfer.resource_id AS expected,
        CASE WHEN source.resource_id <> transfer.resource_id THEN source.resource_id
             ELSE target.resource_id END AS found,
        (source.kind, target.kind, source.resource_id, target.resource_id)
          <> (from_kind, to_kind, transfer.resource_id, transfer.resource_id)
        OR (source.allocation_code IS NOT NULL
            AND source.allocation_code IS DISTINCT FROM posting.allocation_code)
        OR (target.allocation_code IS NOT NULL
            AND target.allocation_code IS DISTINCT FROM posting.allocation_code) AS is_stray
      FROM ledger_transfer transfer JOIN ledger_posting posting ON posting.id = posting_id
      JOIN account source ON source.id = from_account_id JOIN account target ON target.id = to_account_id
    )
    SELECT rule, place, expected, found FROM (
      SELECT 1 AS step, 'A transfer is above zero' AS rule, key || ' line ' || line AS place,
        1::bigint AS expected, amount::bigint AS found
      FROM ledger_transfer JOIN ledger_posting posting ON posting.id = posting_id WHERE amount <= 0
      UNION ALL SELECT 2, 'A transfer stays on its resource and in its allocation', key || ' line ' || line,
        expected, found FROM stray WHERE is_stray
      UNION ALL SELECT 3, 'A balance is the sum of its transfers', name, coalesce(total, 0), balance
      FROM account LEFT JOIN account_sum ON account_id = id WHERE balance <> coalesce(total, 0)
      UNION ALL SELECT 4, 'A hold is the sum of its transfers', job_code, coalesce(total, 0), remaining
      FROM ledger_hold LEFT JOIN hold_sum ON hold_id = id WHERE remaining <> coalesce(total, 0)
      UNION ALL SELECT 5, 'What is held is the sum of the holds', name, coalesce(total, 0), balance
      FROM account LEFT JOIN held ON account_id = id
      WHERE kind = 'held' AND balance <> coalesce(total, 0)
      UNION ALL SELECT 6, 'No balance is negative', name, 0, balance
      FROM account WHERE (balance < 0) <> (kind IN ('supply', 'overrun')) AND balance <> 0
      UNION ALL SELECT 7, 'Nothing is available while there is overrun', code, 0, available
      FROM allocation WHERE overrun > 0 AND available > 0
      UNION ALL SELECT 8, 'granted + overrun = spent + held + available + returned', allocation.code,
        coalesce(net, 0), total
      FROM allocation LEFT JOIN granted USING (code) WHERE total <> coalesce(net, 0)
    ) AS found ORDER BY step, place LIMIT 1
"""


def first_discrepancy() -> Discrepancy | None:
    """The first thing that doesn't hold, None where all is well. Reads every transfer."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST)
        row = cursor.fetchone()
    return Discrepancy(*row) if row else None
