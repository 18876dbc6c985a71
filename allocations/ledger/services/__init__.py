"""The ledger's only writers. Amounts are whole GPU-seconds of one resource.

Every service takes an idempotency `key` (at most 70 characters). The same key with the same content does
nothing and returns the first posting; with other content it raises IllegalState (code `key_reused`). Each
works inside the caller's transaction or its own, and may wait for the allocation's ledger accounts up to the
lock timeout (OperationalError, shown to people as Busy).
"""

from allocations.ledger.services.allocations import allocation_open, award_post, return_post
from allocations.ledger.services.capacity import capacity_lapse, capacity_set
from allocations.ledger.services.charges import Charge, charge_correct, charge_many, charge_post, refund_post
from allocations.ledger.services.holds import hold_place, hold_release, hold_top_up
from allocations.ledger.services.instalments import instalment_release, instalment_withhold
from allocations.ledger.services.moves import accounts_lock, respread_post, transfer_post
from allocations.ledger.services.reversals import reversal_post

__all__ = [
    "Charge",
    "accounts_lock",
    "allocation_open",
    "award_post",
    "capacity_lapse",
    "capacity_set",
    "charge_correct",
    "charge_many",
    "charge_post",
    "hold_place",
    "hold_release",
    "hold_top_up",
    "instalment_release",
    "instalment_withhold",
    "refund_post",
    "respread_post",
    "return_post",
    "reversal_post",
    "transfer_post",
]
