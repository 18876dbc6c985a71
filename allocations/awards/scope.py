"""Who sees what stands on a project and a resource: one scope for requests, awards and allocations."""

from typing import Any

from django.db.models import Q

from allocations.projects.models import ProjectMember
from datacenters.policies import seated_at
from portal.people.models import AuditorScope, Membership, ProgrammeRole
from portal.people.policies import seat_of

# Not Q(): combined with another condition an empty one vanishes instead of letting everything through.
EVERYTHING = Q(project__isnull=False)
# Reviewers see their reviews, never the requests themselves.
OVERSEERS = {ProgrammeRole.Role.ADMIN, ProgrammeRole.Role.COUNCIL}


def insiders(user: Any) -> Q:
    """Rows with a `project` of which `user` is a member, or whose organisation `user` owns."""
    mine = ProjectMember.objects.filter(user=user).values("project")
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER).values("organisation")
    return Q(project__in=mine) | Q(project__organisation__in=owned)


def overseers(user: Any, *, site: str) -> Q:
    """Rows that `user` oversees by a role: the programme's, a site manager's, or an auditor's in its scope.

    `site` is the lookup that leads from the row to its site. A deputy sees what they have to decide.
    """
    if seat_of(user, OVERSEERS) is not None:
        return EVERYTHING
    seen = Q(**{f"{site}__in": seated_at(user)})
    for scope in user.scopes:
        if scope.kind == AuditorScope.Kind.ALL:
            return EVERYTHING
        seen |= Q(
            **{
                AuditorScope.Kind.ORGANISATION: {"project__organisation__code": scope.code},
                AuditorScope.Kind.SECTOR: {"project__sector__code": scope.code},
                AuditorScope.Kind.SITE: {f"{site}__code": scope.code},
            }[scope.kind]
        )
    return seen
