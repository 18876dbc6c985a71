"""Who may do what to sites. Reading needs no permission: sites are national facilities."""

from typing import Any

import rules

from datacenters.models import Site, SiteRole
from portal.people.models import User
from portal.people.policies import decides, is_admin


@rules.predicate
def is_site_manager(user: Any, site: Site | None) -> bool:
    return site is not None and site.roles.filter(user=user, role=SiteRole.Role.MANAGER).exists()


@decides
def manages_a_site(user: User) -> bool:
    """Site managers decide too: on consent to requests for their site."""
    return user.site_roles.filter(role=SiteRole.Role.MANAGER).exists()


# Sites, clusters and who manages them.
rules.add_perm("datacenters.administer", is_admin)
# Resources, capacity and accreditations of one site; and seeing how its cluster is reached.
rules.add_perm("datacenters.manage_site", is_admin | is_site_manager)
