"""Triggers that hold for everyone who writes to the ledger, whichever way they come.

The library's own triggers can be switched off per session (`SET pgtrigger.ignore`). These can't, and they run
with the rights of the tables' owner, so the application's role needs no right to change a balance.
"""

import pgtrigger
from django.db import models
from pgtrigger import compiler


class GuardSql(compiler.UpsertTriggerSql):  # type: ignore[misc]
    """Migrations refer to this template: a change of it changes every guard.

    Joins go by index whatever the planner first saw: a plan made for a thousand rows serves one as well.
    """

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS TRIGGER AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql SECURITY DEFINER
                SET search_path = public, pg_temp
                SET enable_seqscan = off
                SET enable_hashjoin = off
                SET enable_mergejoin = off;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE {constraint} TRIGGER {pgid}
                {when} {operation} ON {table}
                {timing}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class Guard(pgtrigger.Trigger):  # type: ignore[misc]
    """A trigger without a switch."""

    def compile(self, model: type[models.Model]) -> compiler.Trigger:
        return compiler.Trigger(
            name=self.name,
            sql=GuardSql(
                pgid=self.get_pgid(model),
                declare=self.render_declare(model),
                func=self.render_func(model),
                table=model._meta.db_table,
                when=self.when,
                operation=self.operation,
                referencing=self.referencing or "",
                level=self.level,
                condition=self.render_condition(model),
            ),
        )


class Refuse(Guard, pgtrigger.Protect):  # type: ignore[misc]
    """Refuses an operation on rows."""


def written_once(*, but_by_trigger: bool = False) -> list[Guard]:
    """UPDATE, DELETE and TRUNCATE are refused; with `but_by_trigger` the ledger's own trigger may update.

    The name `append_only` also tells `grant_app_role` to leave the application's role no right to either.
    """
    from_outside = pgtrigger.Condition("pg_trigger_depth() = 0") if but_by_trigger else None
    return [
        Refuse(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete, condition=from_outside),
        Guard(
            name="append_only_truncate",
            level=pgtrigger.Statement,
            operation=pgtrigger.Truncate,
            when=pgtrigger.Before,
            func="RAISE EXCEPTION 'The ledger is written once: % is not emptied.', TG_TABLE_NAME;",
        ),
    ]


def starts_at_zero(field: str) -> Guard:
    """A new row has nothing: amounts come by transfer only."""
    return Refuse(
        name="starts_at_zero",
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(f"NEW.{field} <> 0"),
    )


def _sql(text: str) -> str:
    return " ".join(text.split())


KEEP_BALANCES = _sql(
    """
    PERFORM FROM ledger_ledgeraccount
      WHERE id IN (SELECT from_account_id FROM posted UNION SELECT to_account_id FROM posted)
      ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (
      SELECT FROM posted
      JOIN ledger_posting posting ON posting.id = posted.posting_id
      JOIN ledger_ledgeraccount source ON source.id = posted.from_account_id
      JOIN ledger_ledgeraccount target ON target.id = posted.to_account_id
      LEFT JOIN ledger_hold hold ON hold.id = posted.hold_id
      WHERE (source.allocation_code IS NOT NULL
             AND source.allocation_code IS DISTINCT FROM posting.allocation_code)
         OR (target.allocation_code IS NOT NULL
             AND target.allocation_code IS DISTINCT FROM posting.allocation_code)
         OR hold.account_id <> CASE posted.from_kind WHEN 'held' THEN source.id ELSE target.id END
    ) THEN
      RAISE EXCEPTION 'A transfer must stay within its posting''s allocation, and a hold within its own.'
        USING ERRCODE = 'check_violation';
    END IF;
    UPDATE ledger_ledgeraccount account SET balance = account.balance + change.amount
      FROM (
        SELECT account_id, sum(amount)::bigint AS amount FROM (
          SELECT to_account_id AS account_id, amount FROM posted
          UNION ALL SELECT from_account_id, -amount FROM posted
        ) AS side GROUP BY account_id
      ) AS change
      WHERE account.id = change.account_id;
    UPDATE ledger_hold hold SET remaining = hold.remaining + change.amount
      FROM (
        SELECT hold_id, sum(CASE from_kind WHEN 'held' THEN -amount ELSE amount END)::bigint AS amount
        FROM posted WHERE hold_id IS NOT NULL GROUP BY hold_id
      ) AS change
      WHERE hold.id = change.hold_id;
    RETURN NULL;
    """
)


def keeps_balances() -> Guard:
    """After each statement: lock its accounts in order of id, then one grouped UPDATE.

    Row by row the same work took fifty times as long, and two postings could lock in opposite orders.
    """
    return Guard(
        name="keep_balances",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="posted"),
        func=KEEP_BALANCES,
    )
