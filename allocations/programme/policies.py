"""Who may do what to a request."""

from typing import Any

import rules

from allocations.awards.interest import has_interest
from allocations.programme.models import AllocationRequest
from allocations.programme.transitions import REQUEST, RequestState
from allocations.projects.policies import is_managing
from portal.foundation import policies
from portal.people.models import ProgrammeRole

DECIDERS = {ProgrammeRole.Role.ADMIN, ProgrammeRole.Role.COUNCIL}
EDITABLE = {RequestState.DRAFT, RequestState.RETURNED}


@rules.predicate
def leads_its_project(user: Any, request: AllocationRequest | None) -> bool:
    return request is not None and bool(is_managing(user, request.project))


@rules.predicate
def is_decider(user: Any) -> bool:
    return bool(DECIDERS & user.roles)


@rules.predicate
def is_independent(user: Any, request: AllocationRequest | None) -> bool:
    """Nobody decides about their own request, nor their own project's or organisation's."""
    return request is not None and not (
        request.requested_by_id == user.pk or has_interest(user, request.project)
    )


rules.add_perm("programme.add_request", is_managing)
rules.add_perm("programme.write_request", leads_its_project)
rules.add_perm("programme.decide_requests", is_decider)
rules.add_perm("programme.decide_request", is_decider & is_independent)

PERMISSION_OF = {
    "submit": "programme.write_request",
    "withdraw": "programme.write_request",
    "approve": "programme.decide_request",
    "decline": "programme.decide_request",
    "return": "programme.decide_request",
}


def actions_for(user: Any, request: AllocationRequest) -> list[str]:
    """What `user` may do to `request` now: the table of states, less what the rules forbid."""
    possible = [action for action in REQUEST.actions_from(request.state) if action in PERMISSION_OF]
    granted = {
        permission: policies.allowed(user, permission, request)
        for permission in {PERMISSION_OF[action] for action in possible}
    }
    actions = [action for action in possible if granted[PERMISSION_OF[action]]]
    if request.state in EDITABLE and "submit" in actions:
        actions.insert(0, "edit")
    return actions
