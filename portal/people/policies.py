"""Who may do what with people and organisations."""

from collections.abc import Callable, Collection
from typing import Any

import rules

from portal.people.models import Membership, Organisation, Programme, ProgrammeRole, User, Verification

Role = ProgrammeRole.Role
VERIFIERS = frozenset({Role.VERIFIER.value, Role.ADMIN.value})
DECIDERS = frozenset({Role.ADMIN.value, Role.COUNCIL.value, Role.REVIEWER.value, Role.VERIFIER.value})

_deciders: list[Callable[[User], bool]] = [lambda user: bool(user.roles & DECIDERS)]


def decides(test: Callable[[User], bool]) -> Callable[[User], bool]:
    """Register who else decides something and may therefore name a deputy (decorator, for rooms above)."""
    _deciders.append(test)
    return test


def seat_of(user: User, roles: Collection[str]) -> User | None:
    """In whose seat `user` acts where one of `roles` is asked for.

    That is `user`, where they have such a role themself; else somebody for whom they stand in today and who
    has one; else None. Who stands in for a deputy has the deputy's own roles only, never the borrowed ones.
    """
    wanted = frozenset(roles)
    return next((person for person in (user, *user.principals) if person.roles & wanted), None)


@rules.predicate
def is_admin(user: Any) -> bool:
    return "admin" in user.roles


@rules.predicate
def is_verifier(user: Any) -> bool:
    """Whether `user` verifies, by role or as the deputy of somebody who does."""
    return seat_of(user, VERIFIERS) is not None


@rules.predicate
def is_decider(user: Any) -> bool:
    """Whether `user` has a role of their own in which a deputy could stand in."""
    return any(test(user) for test in _deciders)


@rules.predicate
def is_owner(user: Any, organisation: Organisation | None) -> bool:
    """Whether `user` owns `organisation`."""
    return (
        organisation is not None
        and organisation.memberships.filter(user=user, role=Membership.Role.OWNER).exists()
    )


@rules.predicate
def is_orphaned(user: Any, organisation: Organisation | None) -> bool:
    """Whether nobody who still comes in owns `organisation`."""
    return (
        organisation is not None
        and not organisation.memberships.filter(role=Membership.Role.OWNER, user__is_active=True).exists()
    )


@rules.predicate
def belongs(user: Any, organisation: Organisation | None) -> bool:
    """Whether `user` is a member of `organisation`."""
    return organisation is not None and organisation.pk in user.organisation_ids


@rules.predicate
def is_unconcerned(user: Any, verification: Verification | None) -> bool:
    """Whether `user`, and whoever they stand in for, has no part in the organisation and didn't ask."""
    if verification is None:
        return False
    people = {user.pk, (seat_of(user, VERIFIERS) or user).pk}
    return not (
        verification.submitted_by_id in people
        or verification.organisation.memberships.filter(user__in=people).exists()
    )


@rules.predicate
def is_coordinator(user: Any, programme: Programme | None) -> bool:
    return programme is not None and programme.coordinators.filter(pk=user.pk).exists()


# Programme-wide: roles, people, ending access.
rules.add_perm("people.administer", is_admin)
# The queue of verifications.
rules.add_perm("people.verify", is_verifier)
# One verification: decide it, revoke it.
rules.add_perm("people.verify_organisation", is_verifier & is_unconcerned)
# An organisation's details, members, invitations, verification.
rules.add_perm("people.manage_organisation", is_owner)
# Who owns it: its owners; where none is left who comes in, an admin makes a member one, never themself.
rules.add_perm("people.change_member_role", is_owner | (is_admin & is_orphaned & ~belongs))
# The members' e-mail addresses; everybody sees their own.
rules.add_perm("people.see_addresses", is_owner | is_admin)
# Asking to manage what nobody manages, and answering that.
rules.add_perm("people.ask_ownership", belongs & is_orphaned)
rules.add_perm("people.decide_ownership", is_admin & ~belongs)
# Naming somebody who stands in for oneself.
rules.add_perm("people.name_deputy", is_decider)
# What a programme stands for: endorsing and withdrawing.
rules.add_perm("people.coordinate_programme", is_admin | is_coordinator)
