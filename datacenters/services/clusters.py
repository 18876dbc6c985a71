"""How a site's Slurm cluster is reached, and what the bridge saw there."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Capacity, Cluster, Resource, Site
from datacenters.services._gate import require_admin
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.formats import hours
from portal.foundation.services import outbox, records

CLUSTER_FIELDS = (
    "code",
    "slurm_name",
    "url",
    "signer",
    "operator_login",
    "is_sandbox",
    "lent_percent",
    "max_pending",
)
EDITABLE = frozenset(CLUSTER_FIELDS) - {"code"} | {"api_version", "is_enabled"}
# What a preflight says holds for a cluster that is reached in this way only.
REACHED_BY = ("slurm_name", "url", "signer", "operator_login", "is_sandbox")


@transaction.atomic
def cluster_create(*, actor: Any, site: Site, **fields: Any) -> Cluster:
    """Connect a site that has no cluster yet; its resources move onto it. `fields` are CLUSTER_FIELDS.

    It starts switched off: nothing is sent until somebody has seen it pass the preflight. The bridge hears of
    it by the outbox topic `cluster_changed` {cluster} and finds the REST version by itself.
    For admins. Raises InvalidInput, IllegalState, NotAllowed.
    """
    require_admin(actor)
    site = Site.objects.select_for_update().get(pk=site.pk)
    _check_connectable(site)
    _check_key(fields.get("signer", ""))
    _check_operator(fields.get("operator_login", ""))
    shown = ("site", *CLUSTER_FIELDS, "is_enabled")
    cluster = records.insert(
        actor=actor,
        action="cluster_create",
        record=Cluster(site=site, is_enabled=False, **fields),
        shown=shown,
    )
    Resource.objects.filter(site=site, cluster=None).update(cluster=cluster)
    _check_planned(cluster)
    _announce(cluster)
    return cluster


@transaction.atomic
def cluster_update(*, actor: Any, cluster: Cluster, reason: str = "", **changes: Any) -> Cluster:
    """Change how a cluster is reached, or switch it; `changes` are EDITABLE. For admins.

    A real cluster that is reached in another way than before (REACHED_BY) is switched off with it, until
    somebody has seen it pass the preflight again. The bridge switches clusters on, and asks the preflight
    first. It hears of it as in `cluster_create`. Raises InvalidInput, NotAllowed.
    """
    require_admin(actor)
    records.only(changes, EDITABLE)
    cluster = Cluster.objects.select_for_update(of=("self",)).get(pk=cluster.pk)
    if changes.get("signer", cluster.signer) != cluster.signer:
        _check_key(changes["signer"], cluster)
    if changes.get("operator_login", cluster.operator_login) != cluster.operator_login:
        _check_operator(changes["operator_login"])
    if _must_pass_again(cluster, changes):
        changes["is_enabled"] = False
    changed = records.update(
        actor=actor, action="cluster_update", record=cluster, changes=changes, reason=reason
    )
    if "lent_percent" in changes:
        _check_planned(changed)
    _announce(changed)
    return changed


def cluster_seen(*, cluster: Cluster, release: str = "", problem: str = "", api_version: str = "") -> None:
    """Note what the bridge saw just now: an answer (with Slurm's release and the REST version to speak, where
    known), or a problem.

    Measurements, not decisions: no audit row.
    """
    seen: dict[str, Any] = {"problem": problem[:2000]}
    if not problem:
        seen["seen_at"] = clock.now()
    if release:
        seen["slurm_release"] = release[:20]
    if api_version:
        seen["api_version"] = api_version
    Cluster.objects.filter(pk=cluster.pk).update(**seen)


def _must_pass_again(cluster: Cluster, changes: dict[str, Any]) -> bool:
    """A real cluster, or one that becomes it, is on (or would be) and is led elsewhere."""
    led_elsewhere = any(
        changes.get(name, getattr(cluster, name)) != getattr(cluster, name) for name in REACHED_BY
    )
    stays_sandbox = cluster.is_sandbox and changes.get("is_sandbox", True)
    return led_elsewhere and not stays_sandbox and changes.get("is_enabled", cluster.is_enabled)


def _check_planned(cluster: Cluster) -> None:
    """No coming quarter has more planned than the share that the site lends can give. Raises InvalidInput."""
    planned = Capacity.objects.select_related("resource__cluster").filter(
        resource__cluster=cluster, quarter__gte=str(Quarter.of(clock.today()))
    )
    for capacity in planned.order_by("quarter", "pk"):
        most = capacity.resource.most_gpu_seconds(Quarter.parse(capacity.quarter))
        if capacity.gpu_seconds > most:
            raise InvalidInput(
                _("%(planned)s GPU-hours of %(resource)s are planned in %(quarter)s; it gives %(most)s.")
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


# Certificates that may lie beside a key: they sign nothing.
BESIDE_KEYS = (".ca.pem", ".client.pem")


def key_names() -> list[str]:
    """Names of the key files from which an admin may choose, in order: what lies in KEYS_DIR."""
    try:
        files = [file.name for file in Path(settings.KEYS_DIR).iterdir() if file.is_file()]
    except OSError:
        return []
    return sorted(name for name in files if not name.startswith(".") and not name.endswith(BESIDE_KEYS))


def _check_connectable(site: Site) -> None:
    if Cluster.objects.filter(site=site).exists():
        raise IllegalState(
            _("%(site)s has a cluster already, and a site has one only.") % {"site": site},
            field="site",
            remedy=_("Change that one, or add a site of its own for the other cluster."),
        )
    if site.is_unbridged:
        raise IllegalState(
            _("%(site)s is unbridged: its usage is uploaded.") % {"site": site},
            field="site",
            remedy=_("Make it a bridged site first, under “Change”."),
        )


def _check_key(signer: str, cluster: Cluster | None = None) -> None:
    """It is there, and no other cluster's: who could have tokens signed with that could speak for its users.

    An empty or crooked name is for the model to refuse.
    """
    if not signer or "\0" in signer:
        return
    key = Path(settings.KEYS_DIR, signer)
    if not key.is_file():
        raise InvalidInput(
            _("There is no key file “%(name)s”.") % {"name": signer},
            field="signer",
            remedy=_("Put the file where the portal can read it, in its key folder, then choose it by name."),
        )
    others = Cluster.objects.exclude(pk=cluster.pk) if cluster else Cluster.objects.all()
    theirs = [file for one in others.values_list("signer", flat=True) for file in _keys_of(one)]
    if any(file.exists() and key.samefile(file) for file in theirs):
        raise InvalidInput(
            _("Each cluster has a key of its own; this one is another cluster's."),
            field="signer",
            remedy=_("Choose the key that was made for this cluster."),
        )


def _keys_of(signer: str) -> tuple[Path, Path]:
    """The key of a cluster, and the one that is to follow it while it is being changed."""
    key = Path(settings.KEYS_DIR, signer)
    return key, key.with_name(f"{key.stem}.next.pem")


# Slurm obeys them in everything; it also takes a number for the user with that id.
POWERFUL = {"root", "slurm"}


def _check_operator(login: str) -> None:
    if login.lower() in POWERFUL or login.isdigit():
        raise InvalidInput(
            _("“%(login)s” can't be the operator login.") % {"login": login},
            field="operator_login",
            remedy=_("Have the site make a user of its own for the portal, such as tqportal."),
        )


def _announce(cluster: Cluster) -> None:
    outbox.enqueue(topic="cluster_changed", key=cluster.code, payload={"cluster": cluster.code})
