"""Decisions of a call recorded together: each with its own reason, each standing or falling by itself."""

from dataclasses import dataclass
from typing import Any

from django.db import OperationalError
from django.utils.translation import gettext as _

from allocations.programme.models import AllocationRequest, Call, Decision
from allocations.programme.selectors import pending_for
from allocations.programme.services.decisions import request_decide
from allocations.programme.services.grants import proposed
from portal.foundation.errors import Busy, DomainError, IllegalState
from portal.foundation.middleware import is_lock_timeout
from portal.foundation.policies import require, require_second_factor
from portal.people.models import User


@dataclass(frozen=True)
class Outcome:
    """How one row went, by the request's code; `error` None: it is decided."""

    code: str
    error: DomainError | None = None


def call_decide(*, actor: User, call: Call, rows: dict[str, dict[str, Any]]) -> list[Outcome]:
    """Decide several requests of a call. `rows`: request code → outcome, reason, gpu_hours (None: as asked).

    Each is its own transaction: one that is refused keeps nobody else waiting, and its error is handed back.
    The oldest request goes first. Raises NotAllowed, SecondFactorNeeded.
    """
    require(actor, "programme.decide_requests")
    require_second_factor(actor)
    outcomes = [
        Outcome(request.code, _refusal(actor, request, dict(rows[request.code])))
        for request in pending_for(actor).filter(call=call, code__in=rows)
    ]
    gone = rows.keys() - {outcome.code for outcome in outcomes}
    return outcomes + [Outcome(code, IllegalState(_("It doesn't wait for you."))) for code in sorted(gone)]


def _refusal(actor: User, request: AllocationRequest, row: dict[str, Any]) -> DomainError | None:
    try:
        if row["outcome"] == Decision.Outcome.APPROVED and row.get("gpu_hours") is None:
            row |= {"gpu_hours": None, "grants": proposed(request, None)}
        request_decide(actor=actor, request=request, **row)
    except DomainError as error:
        return error
    except OperationalError as error:
        if not is_lock_timeout(error):
            raise
        return Busy()
    return None
