"""How a site's Slurm cluster is reached, and what the bridge saw there."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Capacity, Cluster, Resource, Site
from datacenters.services._gate import require_admin
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.formats import hours
from portal.foundation.services import records

CLUSTER_FIELDS = (
    "code",
    "slurm_name",
    "url",
    "api_version",
    "signer",
    "operator_login",
    "is_sandbox",
    "is_enabled",
    "max_pending",
)
EDITABLE = frozenset(CLUSTER_FIELDS) - {"code"} | {"lent_percent"}


@transaction.atomic
def cluster_create(*, actor: Any, site: Site, **fields: Any) -> Cluster:
    """Connect a site that has no cluster yet; its resources move onto it. `fields` are CLUSTER_FIELDS.

    For admins. Raises InvalidInput, IllegalState, NotAllowed.
    """
    require_admin(actor)
    if Cluster.objects.filter(site=site).exists():
        raise IllegalState(_("This site has a cluster already."), remedy=_("Change that one."))
    shown = ("site", *CLUSTER_FIELDS)
    cluster = records.insert(
        actor=actor, action="cluster_create", record=Cluster(site=site, **fields), shown=shown
    )
    Resource.objects.filter(site=site, cluster=None).update(cluster=cluster)
    return cluster


@transaction.atomic
def cluster_update(*, actor: Any, cluster: Cluster, reason: str = "", **changes: Any) -> Cluster:
    """Change how a cluster is reached; `changes` are EDITABLE. For admins. Raises InvalidInput."""
    require_admin(actor)
    records.only(changes, EDITABLE)
    changed = records.update(
        actor=actor, action="cluster_update", record=cluster, changes=changes, reason=reason
    )
    if "lent_percent" in changes:
        _check_planned(changed)
    return changed


def cluster_seen(*, cluster: Cluster, release: str = "", problem: str = "") -> None:
    """Note what the bridge saw just now: an answer (with Slurm's release, where known), or a problem.

    Measurements, not decisions: no audit row.
    """
    seen: dict[str, Any] = {"problem": problem[:2000]}
    if not problem:
        seen["seen_at"] = clock.now()
    if release:
        seen["slurm_release"] = release[:20]
    Cluster.objects.filter(pk=cluster.pk).update(**seen)


def _check_planned(cluster: Cluster) -> None:
    """No coming quarter has more planned than the share that the site lends can give. Raises InvalidInput."""
    planned = Capacity.objects.select_related("resource__cluster").filter(
        resource__cluster=cluster, quarter__gte=str(Quarter.of(clock.today()))
    )
    for capacity in planned.order_by("quarter", "pk"):
        most = capacity.resource.most_gpu_seconds(Quarter.parse(capacity.quarter))
        if capacity.gpu_seconds > most:
            raise InvalidInput(
                _(
                    "%(planned)s GPU-hours of %(resource)s are planned in %(quarter)s; this share gives %(most)s."
                )
                % {
                    "resource": capacity.resource,
                    "quarter": capacity.quarter,
                    "planned": hours(capacity.gpu_seconds),
                    "most": hours(most),
                },
                field="lent_percent",
                remedy=_("Plan less capacity first, or lend a larger share."),
                figures={"planned": capacity.gpu_seconds, "most": most},
            )
