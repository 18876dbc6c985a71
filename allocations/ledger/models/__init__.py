from allocations.ledger.models.account import AccountKind, Hold, LedgerAccount
from allocations.ledger.models.posting import FLOWS, Posting, PostingKind, Transfer

__all__ = ["FLOWS", "AccountKind", "Hold", "LedgerAccount", "Posting", "PostingKind", "Transfer"]
