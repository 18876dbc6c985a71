"""Who may do what with people and organisations."""

from typing import Any

import rules

from portal.people.models import Membership, Organisation, Verification


@rules.predicate
def is_admin(user: Any) -> bool:
    return "admin" in user.roles


@rules.predicate
def is_verifier(user: Any) -> bool:
    return "verifier" in user.roles or "admin" in user.roles


@rules.predicate
def is_owner(user: Any, organisation: Organisation | None) -> bool:
    """Whether `user` owns `organisation`."""
    return (
        organisation is not None
        and organisation.memberships.filter(user=user, role=Membership.Role.OWNER).exists()
    )


@rules.predicate
def is_unconcerned(user: Any, verification: Verification | None) -> bool:
    """Whether `user` neither belongs to the organisation that asks nor asked for it."""
    return verification is not None and not (
        verification.submitted_by_id == user.pk
        or verification.organisation.memberships.filter(user=user).exists()
    )


# Programme-wide: roles, people, ending access.
rules.add_perm("people.administer", is_admin)
# The queue of verifications.
rules.add_perm("people.verify", is_verifier)
# One verification: decide it, revoke it.
rules.add_perm("people.verify_organisation", is_verifier & is_unconcerned)
# An organisation's details, members, invitations, verification.
rules.add_perm("people.manage_organisation", is_owner)
