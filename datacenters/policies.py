"""Who may do what to sites. Reading needs no permission: sites are national facilities."""

from typing import Any

import rules

from datacenters.models import Site, SiteRole
from portal.people.models import User
from portal.people.policies import decides, is_admin


@rules.predicate
def is_site_manager(user: Any, site: Site | None) -> bool:
    return site is not None and site.roles.filter(user=user, role=SiteRole.Role.MANAGER).exists()


def seats_at(user: Any, site: Site) -> list[User]:
    """Who of `user` and those for whom they stand in manages `site`: in whose seat `user` answers for it.

    To change what the site has, one's own role is needed: see `is_site_manager`.
    """
    people = (user, *user.principals)
    managing = SiteRole.objects.filter(site=site, user__in=people, role=SiteRole.Role.MANAGER)
    managers = set(managing.values_list("user", flat=True))
    return [person for person in people if person.pk in managers]


def seated_at(user: Any) -> Any:
    """Ids of the sites for which `user` answers, in their own seat or as somebody's deputy, as a query."""
    people = {user.pk, *user.stands_in_for}
    return SiteRole.objects.filter(user__in=people, role=SiteRole.Role.MANAGER).values("site")


@decides
def manages_a_site(user: User) -> bool:
    """Site managers decide too: on consent to requests for their site."""
    return user.site_roles.filter(role=SiteRole.Role.MANAGER).exists()


# Sites, clusters and who manages them.
rules.add_perm("datacenters.administer", is_admin)
# Resources, capacity and accreditations of one site; and seeing how its cluster is reached.
rules.add_perm("datacenters.manage_site", is_admin | is_site_manager)
