"""Sealing the audit: rows past every open transaction go under gap-free, chained seals.

A row's leaf is the SHA-256 of its canonical JSON, made by PostgreSQL. A seal's root is the Merkle root of
its leaves; its digest covers its number, its root and the digest before it. Publishing digests lets anybody
prove later that nothing sealed was changed.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction

from portal.foundation import clock
from portal.foundation.models import AuditLeaf, AuditPending, AuditRow, AuditSeal

GENESIS = bytes(32)
BATCH = 5000
# Every column that a reader relies upon, in fixed order; microseconds as an integer, jsonb in its one form.
LEAF = """
    sha256(convert_to(jsonb_build_array(
        id, (extract(epoch FROM at) * 1000000)::bigint, actor, action, object_type, object_code,
        before, after, reason, channel, request_id
    )::text, 'UTF8'))
"""

# Below xmin every transaction has ended. At or above xmax: ids of a server whose backup was restored here.
DUE = f"""
    SELECT row.id, {LEAF.replace(" id,", " row.id,")}
    FROM foundation_auditpending pending JOIN foundation_auditrow row ON row.id = pending.row_id
    WHERE pending.transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       OR pending.transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    ORDER BY row.id LIMIT {BATCH}
"""  # noqa: S608  only constants are put together


def seal_once() -> int:
    """Seal what may be sealed now; returns how many rows. Only one sealer works at a time."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('audit sealer'))")
        cursor.execute(DUE)
        leaves = [(row_id, bytes(digest)) for row_id, digest in cursor.fetchall()]
        if leaves:
            _write(leaves)
    return len(leaves)


def _write(leaves: list[tuple[int, bytes]]) -> None:
    last = AuditSeal.objects.order_by("-number").first()
    number, previous = (last.number + 1, bytes(last.digest)) if last else (1, GENESIS)
    root = merkle_root([digest for _, digest in leaves])
    seal = AuditSeal.objects.create(
        number=number,
        row_count=len(leaves),
        root=root,
        previous=previous,
        digest=seal_digest(number, root, previous),
    )
    AuditLeaf.objects.bulk_create(
        AuditLeaf(row_id=row_id, seal=seal, position=position, digest=digest)
        for position, (row_id, digest) in enumerate(leaves)
    )
    AuditPending.objects.filter(row_id__in=[row_id for row_id, _ in leaves]).delete()


def merkle_root(leaves: list[bytes]) -> bytes:
    """Merkle tree hash as in RFC 6962 section 2.1, over leaves that are hashes already."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def seal_digest(number: int, root: bytes, previous: bytes) -> bytes:
    return hashlib.sha256(number.to_bytes(8) + root + previous).digest()


@dataclass(frozen=True)
class Verdict:
    """What verifying found. `fault` names the first bad row or seal; empty: all is as it was sealed."""

    seals: int
    rows: int
    unsealed: int
    oldest_unsealed: timedelta
    head: str
    fault: str = ""


def verify() -> Verdict:
    """Recompute everything from the rows as they are now."""
    fault, rows, expected, previous = "", 0, 1, GENESIS
    for seal, leaves in _seals():
        fault = _fault(seal, leaves, expected=expected, previous=previous)
        if fault:
            break
        rows, expected, previous = rows + len(leaves), expected + 1, bytes(seal.digest)
    if not fault:
        fault = _unsealed_fault()
    pending = AuditRow.objects.exclude(pk__in=AuditLeaf.objects.values("row_id"))
    oldest = pending.order_by("at").values_list("at", flat=True).first()
    return Verdict(
        seals=expected - 1,
        rows=rows,
        unsealed=pending.count(),
        oldest_unsealed=clock.now() - oldest if oldest else timedelta(),
        head=previous.hex(),
        fault=fault,
    )


Leaf = tuple[int, bytes, bytes | None]  # row id, digest as sealed, digest of the row as it is now


def _seals() -> Iterator[tuple[AuditSeal, list[Leaf]]]:
    for seal in AuditSeal.objects.order_by("number").iterator():
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT leaf.row_id, leaf.digest, CASE WHEN row.id IS NULL THEN NULL
                    ELSE {LEAF.replace(" id,", " row.id,")} END
                FROM foundation_auditleaf leaf LEFT JOIN foundation_auditrow row ON row.id = leaf.row_id
                WHERE leaf.seal_id = %s ORDER BY leaf.position
                """,  # noqa: S608  only constants are put together
                [seal.number],
            )
            yield seal, [(i, bytes(d), bytes(n) if n is not None else None) for i, d, n in cursor.fetchall()]


def _fault(seal: AuditSeal, leaves: list[Leaf], *, expected: int, previous: bytes) -> str:
    if seal.number != expected:
        return f"Seal {expected} is missing."
    for row_id, sealed, found in leaves:
        if found is None:
            return f"Audit row {row_id} (seal {seal.number}) is gone."
        if found != sealed:
            return f"Audit row {row_id} (seal {seal.number}) was changed after it was sealed."
    if len(leaves) != seal.row_count or not leaves:
        return f"Seal {seal.number} covers {seal.row_count} rows, but {len(leaves)} are there."
    if merkle_root([digest for _, digest, _ in leaves]) != bytes(seal.root):
        return f"Seal {seal.number}: its rows don't give its root."
    if bytes(seal.previous) != previous or seal_digest(seal.number, bytes(seal.root), previous) != bytes(
        seal.digest
    ):
        return f"Seal {seal.number} doesn't follow from the seal before it."
    return ""


def _unsealed_fault() -> str:
    """A row that is neither sealed nor waiting was taken off the sealer's list."""
    lost = (
        AuditRow.objects.exclude(pk__in=AuditLeaf.objects.values("row_id"))
        .exclude(pk__in=AuditPending.objects.values("row_id"))
        .order_by("pk")
        .first()
    )
    return f"Audit row {lost.pk} was kept from being sealed." if lost else ""
