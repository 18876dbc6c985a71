"""Pages of sites and resources. Everybody may read them."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _
from django.views import View

from datacenters import selectors
from datacenters.filtersets import SiteFilters
from datacenters.models import Health, Resource, Site, SiteRole
from datacenters.outages import effective_of
from datacenters.services.resources import awarded_of
from datacenters.web.checklist import steps_of
from datacenters.web.forms import coming_quarters
from portal.foundation.clock import Quarter
from portal.foundation.policies import allowed
from portal.foundation.web import DetailPage, ListPage

SHOWN_QUARTERS = 4
TONES = {
    Health.ANSWERS: "success",
    Health.SILENT: "warning",
    Health.TROUBLED: "danger",
    Health.OFF: "neutral",
}


class OpenToAll(View):
    """Sites are national facilities: their pages ask for no sign-in. Stands before the page's own class."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return View.dispatch(self, request, *args, **kwargs)


class SiteList(OpenToAll, ListPage):
    title = _("Sites")
    template_name = "datacenters/site_list.html"
    selector = selectors.sites_visible_to
    filterset_class = SiteFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        page["rows"] = [{"site": site, "health": health_of(site)} for site in page["object_list"]]
        page["may_administer"] = allowed(self.request.user, "datacenters.administer")
        return page


class SitePage(OpenToAll, DetailPage):
    template_name = "datacenters/site_detail.html"
    selector = selectors.sites_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        site: Site = page["object"]
        may_manage = allowed(self.request.user, "datacenters.manage_site", site)
        may_administer = may_manage and allowed(self.request.user, "datacenters.administer")
        quarters = coming_quarters()[:SHOWN_QUARTERS]
        roles = list(SiteRole.objects.filter(site=site).select_related("user")) if may_manage else []
        return page | {
            "steps": steps_of(site, roles, may_administer=may_administer) if may_manage else [],
            "cluster": getattr(site, "cluster", None),
            "outages": selectors.standing_outages(site),
            "health": health_of(site),
            "quarters": quarters,
            "rows": [
                {"resource": resource, "amounts": amounts(resource, quarters)}
                for resource in site.resources.all()
            ],
            "may_manage": may_manage,
            "may_administer": may_administer,
            "roles": roles,
        }


class ResourcePage(OpenToAll, DetailPage):
    template_name = "datacenters/resource_detail.html"
    selector = selectors.resources_visible_to

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        resource: Resource = page["object"]
        return page | {
            "health": health_of(resource.site),
            "capacities": capacity_lines(resource),
            "max_wall_seconds": resource.max_wall_minutes * 60,
            "may_manage": allowed(self.request.user, "datacenters.manage_site", resource.site),
        }


def capacity_lines(resource: Resource) -> list[dict[str, Any]]:
    """Each coming quarter: what is planned, what outages and reserve leave of it, what is awarded."""
    capacities = list(resource.capacities.all())
    quarters = [Quarter.parse(capacity.quarter) for capacity in capacities]
    awarded = awarded_of(resource, quarters)
    return [
        {
            "capacity": capacity,
            "left": left,
            "awarded": awarded[quarter],
            "too_much": max(awarded[quarter] - left.awardable, 0),
        }
        for capacity, left, quarter in zip(capacities, effective_of(capacities), quarters, strict=True)
    ]


def health_of(site: Site) -> dict[str, Any] | None:
    """Label and tone of the site's cluster; None for a site without one."""
    cluster = getattr(site, "cluster", None)
    return {"label": cluster.health.label, "tone": TONES[cluster.health]} if cluster else None


def amounts(resource: Resource, quarters: list[Quarter]) -> list[int | None]:
    """GPU-seconds of `resource` in each quarter, None where nothing was set."""
    known = {capacity.quarter: capacity.gpu_seconds for capacity in resource.capacities.all()}
    return [known.get(str(quarter)) for quarter in quarters]
