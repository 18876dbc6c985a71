"""Who sets quotas: programme admins all, site managers those of their own resources."""

from typing import Any

import rules

from datacenters.models import Resource, SiteRole
from datacenters.policies import is_site_manager
from portal.people.policies import is_admin


@rules.predicate
def manages_its_site(user: Any, resource: Resource | None) -> bool:
    return resource is not None and bool(is_site_manager(user, resource.site))


@rules.predicate
def manages_a_site(user: Any) -> bool:
    return bool(user.site_roles.filter(role=SiteRole.Role.MANAGER).exists())


# The quotas of one resource (None: of all together).
rules.add_perm("quotas.set_quota", is_admin | manages_its_site)
# Opening the form at all.
rules.add_perm("quotas.set_some_quota", is_admin | manages_a_site)
