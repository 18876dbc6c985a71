"""The only writers of requests and decisions."""

from allocations.programme.services.decisions import (
    request_approve,
    request_decide,
    request_decline,
    request_return,
)
from allocations.programme.services.requests import (
    request_create,
    request_submit,
    request_update,
    request_withdraw,
)

__all__ = [
    "request_approve",
    "request_create",
    "request_decide",
    "request_decline",
    "request_return",
    "request_submit",
    "request_update",
    "request_withdraw",
]
