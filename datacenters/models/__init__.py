from datacenters.models.cluster import Cluster
from datacenters.models.resource import Capacity, Resource
from datacenters.models.site import Accreditation, DataClass, Site, SiteRole

__all__ = ["Accreditation", "Capacity", "Cluster", "DataClass", "Resource", "Site", "SiteRole"]
