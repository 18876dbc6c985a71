"""What Django can't say: composite foreign keys, and the lock that the application's role may take."""

from django.db import migrations

# Both ends of a transfer are of its resource and of the kinds that it names. Checked at once, not at the end
# of the transaction: nothing may build on a transfer that can't be.
FOREIGN_KEYS = """
    ALTER TABLE ledger_transfer
      ADD CONSTRAINT ledger_transfer_posting FOREIGN KEY (posting_id) REFERENCES ledger_posting (id),
      ADD CONSTRAINT ledger_transfer_from FOREIGN KEY (from_account_id, from_kind, resource_id)
        REFERENCES ledger_ledgeraccount (id, kind, resource_id),
      ADD CONSTRAINT ledger_transfer_to FOREIGN KEY (to_account_id, to_kind, resource_id)
        REFERENCES ledger_ledgeraccount (id, kind, resource_id),
      ADD CONSTRAINT ledger_transfer_hold FOREIGN KEY (hold_id) REFERENCES ledger_hold (id);
    ALTER TABLE ledger_ledgeraccount SET (fillfactor = 50);
    ALTER TABLE ledger_hold SET (fillfactor = 70);
"""
NO_FOREIGN_KEYS = """
    ALTER TABLE ledger_transfer
      DROP CONSTRAINT ledger_transfer_posting,
      DROP CONSTRAINT ledger_transfer_from,
      DROP CONSTRAINT ledger_transfer_to,
      DROP CONSTRAINT ledger_transfer_hold;
    ALTER TABLE ledger_ledgeraccount RESET (fillfactor);
    ALTER TABLE ledger_hold RESET (fillfactor);
"""

# Locking a row takes the right to update it, which the application's role doesn't have.
LOCK = """
    CREATE FUNCTION ledger_lock(allocation_codes text[], ids bigint[])
      RETURNS SETOF ledger_ledgeraccount
      LANGUAGE sql SECURITY DEFINER
      SET search_path = public, pg_temp SET enable_seqscan = off
    AS $$
      SELECT * FROM ledger_ledgeraccount
      WHERE allocation_code = ANY (allocation_codes) OR id = ANY (ids)
      ORDER BY id FOR NO KEY UPDATE
    $$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(FOREIGN_KEYS, NO_FOREIGN_KEYS),
        migrations.RunSQL(LOCK, "DROP FUNCTION ledger_lock(text[], bigint[])"),
    ]
