"""Reversals: the mirror image of a posting that was wrong."""

from allocations.ledger.models import Posting
from portal.people.models import User


def reversal_post(*, original: Posting, key: str, actor: User | None, reason: str) -> Posting:
    """Undo `original` by its mirror image; each posting is reversed at most once.

    Raises IllegalState (code `already_reversed`) and Refused (code `cant_reverse`, figures wanted, there)
    where what it granted has been used since.
    """
    raise NotImplementedError
