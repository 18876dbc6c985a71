"""The audit: written once, sealed in order, and every tampering found."""

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from portal.foundation.models import AuditLeaf, AuditPending, AuditRow, AuditSeal
from portal.foundation.services import audit, seal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows(cast):
    """Three sealed seals of two rows each."""
    for batch in range(3):
        with transaction.atomic():
            for number in range(2):
                audit.record(actor=cast.admin, action=f"test_{batch}_{number}", target=cast.project)
        assert seal.seal_once() == 2
    return list(AuditRow.objects.order_by("pk"))


def tamper(statement: str, *parameters: object) -> None:
    """What somebody with the owner's rights could do: switch the triggers off first."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)


def test_sealed_rows_verify(rows, capsys):
    call_command("audit_verify")
    assert "3 seals over 6 rows; 0 rows unsealed" in capsys.readouterr().out
    assert list(AuditSeal.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert not AuditPending.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE foundation_auditrow SET action = 'x'",
        "DELETE FROM foundation_auditrow",
        "TRUNCATE foundation_auditrow CASCADE",
        "UPDATE foundation_auditseal SET row_count = 0",
        "DELETE FROM foundation_auditleaf",
        "TRUNCATE foundation_auditleaf",
    ],
)
def test_rows_are_written_once(rows, statement):
    with pytest.raises(DatabaseError, match="Cannot"), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE foundation_auditrow SET reason = 'nothing to see' WHERE id = %s",
        "UPDATE foundation_auditrow SET actor = 'usr-other' WHERE id = %s",
        "UPDATE foundation_auditrow SET at = at + interval '1 microsecond' WHERE id = %s",
        "DELETE FROM foundation_auditrow WHERE id = %s",
    ],
)
def test_a_changed_or_removed_row_is_named(rows, statement):
    victim = rows[3].pk
    tamper(statement, victim)
    with pytest.raises(CommandError, match=rf"Audit row {victim} \(seal 2\)"):
        call_command("audit_verify")


def test_a_removed_seal_is_found(rows):
    tamper("DELETE FROM foundation_auditseal WHERE number = 2")
    with pytest.raises(CommandError, match="Seal 2 is missing"):
        call_command("audit_verify")


def test_reordered_rows_are_found(rows):
    first, second = rows[2].pk, rows[3].pk
    tamper(
        "UPDATE foundation_auditleaf SET position = CASE row_id WHEN %s THEN 11 ELSE 10 END "
        "WHERE row_id IN (%s, %s)",
        first, first, second,
    )  # fmt: skip
    with pytest.raises(CommandError, match="Seal 2: its rows don't give its root"):
        call_command("audit_verify")


def test_a_recomputed_leaf_still_breaks_the_chain(rows):
    """Somebody who also rewrites the leaf, the root and the digest is caught by the next seal."""
    leaf = AuditLeaf.objects.get(row_id=rows[3].pk)
    tamper("UPDATE foundation_auditrow SET reason = 'forged' WHERE id = %s", leaf.row_id)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {seal.LEAF} FROM foundation_auditrow WHERE id = %s", [leaf.row_id])
        forged = bytes(cursor.fetchone()[0])
    tamper("UPDATE foundation_auditleaf SET digest = %s WHERE row_id = %s", forged, leaf.row_id)
    digests = [
        bytes(x)
        for x in AuditLeaf.objects.filter(seal=2).order_by("position").values_list("digest", flat=True)
    ]
    root = seal.merkle_root(digests)
    previous = bytes(AuditSeal.objects.get(number=1).digest)
    tamper(
        "UPDATE foundation_auditseal SET root = %s, digest = %s WHERE number = 2",
        root, seal.seal_digest(2, root, previous),
    )  # fmt: skip
    with pytest.raises(CommandError, match="Seal 3 doesn't follow"):
        call_command("audit_verify")


def test_a_row_taken_off_the_list_is_found(cast):
    with transaction.atomic():
        audit.record(actor=None, action="hidden", target=cast.project)
    AuditPending.objects.all().delete()
    with pytest.raises(CommandError, match="kept from being sealed"):
        call_command("audit_verify")


def test_an_open_transaction_holds_later_rows_back(cast):
    """Rows above the oldest open transaction wait, so that order and completeness can be relied upon."""
    opened, finish = threading.Event(), threading.Event()

    def slow_writer() -> None:
        try:
            with transaction.atomic():
                audit.record(actor=None, action="slow", target=cast.project)
                opened.set()
                finish.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slow_writer)
    thread.start()
    assert opened.wait(10)
    with transaction.atomic():
        audit.record(actor=None, action="quick", target=cast.project)
    assert seal.seal_once() == 0
    finish.set()
    thread.join()
    assert seal.seal_once() == 2
    assert seal.verify().fault == ""


def test_a_row_needs_a_transaction(cast):
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record(actor=None, action="loose", target=cast.project)
