from datacenters.models.cluster import Cluster, Health
from datacenters.models.outage import Outage
from datacenters.models.resource import Capacity, Resource
from datacenters.models.site import Accreditation, DataClass, Site, SiteRole

__all__ = [
    "Accreditation",
    "Capacity",
    "Cluster",
    "DataClass",
    "Health",
    "Outage",
    "Resource",
    "Site",
    "SiteRole",
]
