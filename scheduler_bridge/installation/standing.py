"""May jobs be sent to a cluster now, may anything be changed on it, and if not, why?"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext as _

from datacenters.models import Cluster
from scheduler_bridge.installation import epoch
from scheduler_bridge.models import SendingStop

KNOWN, KNOWN_SECONDS = "sending_troubled", 5


@dataclass(frozen=True)
class Trouble:
    """Why nothing is sent, to one cluster or (None) to any, and what to do about it."""

    text: str
    remedy: str
    cluster: Cluster | None = None
    stop: SendingStop | None = None


def may_change(cluster: Cluster) -> bool:
    """Whether limits may be written and jobs cancelled there. Looking is always allowed."""
    return not (SendingStop.objects.filter(cluster=cluster, needs_look=True).exists() or epoch.problem())


def may_send(cluster: Cluster) -> bool:
    """Whether jobs may be sent there."""
    if not settings.DISPATCH_ENABLED:
        return False
    stops = SendingStop.objects.filter(cluster__in=[cluster]) | SendingStop.objects.filter(cluster=None)
    return not stops.exists() and not epoch.problem()


def troubles() -> list[Trouble]:
    """Everything that keeps jobs from being sent, the national things first."""
    found = []
    if why := epoch.problem():
        remedy = _("Nothing is sent until “manage.py resume_dispatch” has looked up every open job.")
        found.append(Trouble(why, remedy))
    if not settings.DISPATCH_ENABLED:
        text = _("Sending is switched off in this environment.")
        found.append(Trouble(text, _("Set TAQSEEM_DISPATCH_ENABLED=1 and restart.")))
    stops = SendingStop.objects.select_related("cluster__site", "stopped_by").order_by("cluster__code")
    found += sorted(map(_told, stops), key=lambda trouble: trouble.cluster is not None)
    return found


def told_to_all() -> list[str]:
    """Where nothing is sent, for those who may not see why: one line for each."""
    lines = []
    if epoch.problem():
        lines.append("stopped by the installation's epoch; run manage.py resume_dispatch")
    if not settings.DISPATCH_ENABLED:
        lines.append("switched off in this environment; set TAQSEEM_DISPATCH_ENABLED=1 and restart")
    stops = SendingStop.objects.select_related("cluster__site").order_by("cluster__code")
    if where := [stop.cluster.site.code if stop.cluster else "all sites" for stop in stops]:
        lines.append(f"stopped: {', '.join(where)}; admins see why under /sending/")
    return lines


def troubles_in_short() -> list[Trouble]:
    """The same for every page's frame: that there are none is known for some seconds."""

    def look() -> bool:
        return bool(troubles())

    return troubles() if cache.get_or_set(KNOWN, look, KNOWN_SECONDS) else []


def forget() -> None:
    """A stop was made or lifted: the next page looks."""
    cache.delete(KNOWN)


def clusters() -> list[Cluster]:
    """Every cluster, with its stop, if there is one, as `stop_or_none`."""
    stops = {stop.cluster_id: stop for stop in SendingStop.objects.select_related("stopped_by")}
    found = list(Cluster.objects.select_related("site").order_by("site__name"))
    for cluster in found:
        cluster.stop_or_none = stops.get(cluster.pk)  # type: ignore[attr-defined]
    return found


def _told(stop: SendingStop) -> Trouble:
    if stop.cluster is None:
        text = _("No job is sent to any site: %(reason)s") % {"reason": stop.reason}
    else:
        words: dict[str, Any] = {"site": stop.cluster.site, "reason": stop.reason}
        text = _("No job is sent to %(site)s: %(reason)s") % words
    remedy = _("An admin can let sending go on.")
    if stop.needs_look and stop.cluster:
        remedy = _("Run “manage.py resume_dispatch” again: its open jobs have yet to be looked up.")
    return Trouble(text, remedy, stop.cluster, stop)
