"""Decisions of a call recorded together: each with its own reason, each standing or falling by itself."""

from dataclasses import dataclass
from typing import Any

from allocations.programme.models import AllocationRequest, Call
from allocations.programme.selectors import pending_for
from allocations.programme.services.decisions import request_decide
from allocations.programme.services.grants import proposed
from portal.foundation.errors import DomainError
from portal.people.models import User


@dataclass(frozen=True)
class Outcome:
    """How one row went; `error` None: it is decided."""

    request: AllocationRequest
    error: DomainError | None = None


def call_decide(*, actor: User, call: Call, rows: dict[str, dict[str, Any]]) -> list[Outcome]:
    """Decide several requests of a call. `rows`: request code → outcome, reason, gpu_hours (None: as asked).

    Each is its own transaction: one that is refused keeps nobody else waiting, and its error is handed back.
    """
    outcomes = []
    for request in pending_for(actor).filter(call=call, code__in=rows):
        row = dict(rows[request.code])
        if row["outcome"] == "approved" and row.get("gpu_hours") is None:
            row["gpu_hours"] = None
            row["grants"] = proposed(request, None)
        try:
            request_decide(actor=actor, request=request, **row)
        except DomainError as error:
            outcomes.append(Outcome(request, error))
        else:
            outcomes.append(Outcome(request))
    return outcomes
