"""Who may do what to an allocation."""

from typing import Any

import rules

from allocations.awards.interest import has_interest
from allocations.awards.models import Allocation
from allocations.awards.transitions import ALLOCATION
from datacenters.policies import is_site_manager
from portal.foundation import policies
from portal.people.policies import is_admin

# What people may do; everything else follows from the calendar or from Slurm.
HUMAN_ACTIONS = {"suspend", "resume", "revoke"}


@rules.predicate
def manages_its_site(user: Any, allocation: Allocation | None) -> bool:
    return allocation is not None and bool(is_site_manager(user, allocation.resource.site))


@rules.predicate
def is_independent(user: Any, allocation: Allocation | None) -> bool:
    """Nobody suspends, resumes, revokes or adjusts what they or their organisation hold."""
    return allocation is not None and not has_interest(user, allocation.project)


rules.add_perm("awards.adjust_allocation", is_admin & is_independent)
rules.add_perm("awards.administer_allocation", (is_admin | manages_its_site) & is_independent)


def actions_for(user: Any, allocation: Allocation) -> list[str]:
    """What `user` may do to `allocation` now."""
    possible = [action for action in ALLOCATION.actions_from(allocation.state) if action in HUMAN_ACTIONS]
    may = possible and policies.allowed(user, "awards.administer_allocation", allocation)
    return possible if may else []
