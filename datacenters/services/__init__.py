from datacenters.services.clusters import cluster_create, cluster_seen, cluster_update, key_names
from datacenters.services.outages import outage_correct, outage_end, outage_record, outage_withdraw
from datacenters.services.resources import (
    capacity_set,
    register_awarded,
    resource_create,
    resource_update,
)
from datacenters.services.sites import (
    accreditation_set,
    accreditation_withdraw,
    site_create,
    site_role_grant,
    site_role_revoke,
    site_update,
)

__all__ = [
    "accreditation_set",
    "accreditation_withdraw",
    "capacity_set",
    "cluster_create",
    "cluster_seen",
    "cluster_update",
    "key_names",
    "outage_correct",
    "outage_end",
    "outage_record",
    "outage_withdraw",
    "register_awarded",
    "resource_create",
    "resource_update",
    "site_create",
    "site_role_grant",
    "site_role_revoke",
    "site_update",
]
