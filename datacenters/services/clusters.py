"""How a site's Slurm cluster is reached, and what the bridge saw there."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Cluster, Resource, Site
from datacenters.services._gate import require_admin
from portal.foundation import clock
from portal.foundation.errors import IllegalState
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
EDITABLE = frozenset(CLUSTER_FIELDS) - {"code"}


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
    return records.update(
        actor=actor, action="cluster_update", record=cluster, changes=changes, reason=reason
    )


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
