"""The site of an address, and the pages that the bridge draws about it."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from datacenters.models import Site
from portal.foundation.policies import require

BRIDGED = (
    ("site_bridge", _("Connection")),
    ("site_drift", _("Drift")),
    ("site_preflight", _("Preflight")),
    ("site_logins", _("Logins")),
)
UNBRIDGED = (("site_usage", _("Uploaded usage")), ("usage_keys", _("Keys")), ("site_logins", _("Logins")))


def managed_site(user: Any, code: str) -> Site:
    """The site, for who runs it. Raises Http404, NotAllowed."""
    site: Site = get_object_or_404(Site.objects.select_related("cluster"), code=code)
    require(
        user, "datacenters.manage_site", site, message=_("Only this site's managers and admins see this.")
    )
    return site


def tabs_of(site: Site, current: str) -> list[dict[str, Any]]:
    """The pages of one site that the bridge draws."""
    tabs = []
    for name, label in UNBRIDGED if site.is_unbridged else BRIDGED:
        try:
            url = reverse(name, args=[site.code])
        except NoReverseMatch:
            continue
        tabs.append({"label": label, "url": url, "current": name == current})
    return tabs
