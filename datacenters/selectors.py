"""Reading sites and what stands at them. Everybody may see them, signed in or not."""

from typing import Any

from django.db.models import Prefetch, QuerySet

from datacenters.models import Capacity, Cluster, Outage, Resource, Site, SiteRole
from datacenters.outages import outage_seconds
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.people.policies import is_admin

__all__ = [
    "capacity_in",
    "clusters_visible_to",
    "ids_of_managed_sites",
    "open_resources",
    "outage_seconds",
    "outages_visible_to",
    "resources_visible_to",
    "sites_managed_by",
    "sites_visible_to",
    "standing_outages",
]


def sites_visible_to(user: Any) -> QuerySet[Site]:
    """Every site, with what its page and the API show."""
    return Site.objects.select_related("cluster").prefetch_related(
        "accreditations", Prefetch("resources", _with_capacities(Resource.objects.all()))
    )


def resources_visible_to(user: Any) -> QuerySet[Resource]:
    """Every resource, with its site and the capacity of the quarters that aren't over."""
    return _with_capacities(
        Resource.objects.select_related("site", "cluster").prefetch_related("site__accreditations")
    )


def _with_capacities(resources: QuerySet[Resource]) -> QuerySet[Resource]:
    now = str(Quarter.of(clock.today()))
    ahead = Capacity.objects.filter(quarter__gte=now).order_by("quarter")
    return resources.prefetch_related(Prefetch("capacities", ahead))


def open_resources() -> QuerySet[Resource]:
    """What may be asked for today: open resources at open sites."""
    return Resource.objects.filter(is_open=True, site__is_open=True).select_related("site")


def clusters_visible_to(user: Any) -> QuerySet[Cluster]:
    """The clusters of the sites whose management this person sees."""
    return Cluster.objects.filter(site__in=ids_of_managed_sites(user)).select_related("site")


def sites_managed_by(user: Any) -> QuerySet[Site]:
    """Where this person is site manager."""
    return Site.objects.filter(roles__user=user, roles__role=SiteRole.Role.MANAGER)


def ids_of_managed_sites(user: Any) -> frozenset[int]:
    """Sites whose management this person sees: all for admins, the own ones for managers."""
    if not user.is_active:
        return frozenset()
    sites = Site.objects.all() if is_admin(user) else sites_managed_by(user)
    return frozenset(sites.values_list("pk", flat=True))


def capacity_in(resource: Resource, quarter: Quarter) -> int:
    """GPU-seconds that may be awarded in `quarter`; 0 where nothing was set."""
    row = Capacity.objects.filter(resource=resource, quarter=str(quarter)).first()
    return row.gpu_seconds if row else 0


def outages_visible_to(user: Any) -> QuerySet[Outage]:
    """Every outage, the latest first: who computes at a site must be able to look."""
    return Outage.objects.select_related("site", "cluster__site", "resource", "recorded_by")


def standing_outages(site: Site) -> QuerySet[Outage]:
    """What is going on at a site or still to come, the next first."""
    rows = Outage.objects.filter(site=site, withdrawn_at=None).exclude(ends_at__lte=clock.now())
    return rows.select_related("site", "cluster__site", "resource").order_by("starts_at")
