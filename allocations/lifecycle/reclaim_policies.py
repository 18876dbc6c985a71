"""Who may do what about reclamation."""

from typing import Any

import rules

from allocations.awards.interest import has_interest
from allocations.lifecycle.models.reclaim import ReclaimCase
from allocations.lifecycle.policies import conflicted
from allocations.projects.policies import is_managing
from portal.people.policies import is_admin


@rules.predicate
def oversees(user: Any) -> bool:
    return bool({"admin", "council"} & user.roles)


@rules.predicate
def manages_its_project(user: Any, case: ReclaimCase | None) -> bool:
    return case is not None and bool(is_managing(user, case.allocation.project))


@rules.predicate
def is_independent_of(user: Any, case: ReclaimCase | None) -> bool:
    """Nobody with an interest in the project or a conflict on record answers."""
    return (
        case is not None
        and not has_interest(user, case.allocation.project)
        and user.pk not in conflicted(case.allocation)
    )


# The dry run, the rules and every case.
rules.add_perm("lifecycle.see_reclaim", oversees)
rules.add_perm("lifecycle.edit_reclaim_rules", is_admin)
rules.add_perm("lifecycle.ask_exemption", manages_its_project)
rules.add_perm("lifecycle.decide_exemption", is_admin & is_independent_of)
