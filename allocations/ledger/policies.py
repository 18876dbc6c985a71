"""Who may see an allocation's ledger.

Allocations live above the ledger, so who sees them is decided there: that room registers, when its app is
ready, a function from a user to the codes of the allocations that this user may see. Until then nobody sees
anything.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

VisibleCodes = Callable[[Any], QuerySet[Any, Any]]
_visible_codes: VisibleCodes | None = None


def register_visibility(codes_of: VisibleCodes) -> None:
    """`codes_of(user)` is a queryset of one column, such as `visible_to(user).values("code")`."""
    global _visible_codes
    _visible_codes = codes_of


def visible_codes(user: Any) -> QuerySet[Any, Any] | list[str]:
    """The codes of the allocations whose ledger `user` may see, for `allocation_code__in`."""
    return _visible_codes(user) if _visible_codes else []


def may_see(user: Any, allocation_code: str) -> bool:
    """Whether `user` may see this allocation's ledger."""
    return _visible_codes is not None and _visible_codes(user).filter(code=allocation_code).exists()
