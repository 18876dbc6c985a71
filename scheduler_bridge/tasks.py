"""The bridge's tasks, by cluster: one dead site doesn't slow the others. Each only calls a service."""

import logging
from collections.abc import Callable

from celery import Task, shared_task

from allocations.awards.models import Allocation
from datacenters.models import Cluster
from scheduler_bridge.accounting.ingest import ingest
from scheduler_bridge.accounting.poll import poll
from scheduler_bridge.dispatch import gate, locks
from scheduler_bridge.dispatch.cancel import cancel_requested
from scheduler_bridge.dispatch.locks import only_one
from scheduler_bridge.dispatch.lookup import expire_leases, resolve
from scheduler_bridge.dispatch.loop import drain
from scheduler_bridge.installation import epoch, standing
from scheduler_bridge.models import Door
from scheduler_bridge.provisioning.desired import out_of_line
from scheduler_bridge.provisioning.drift import drifted
from scheduler_bridge.provisioning.reconcile import reconcile
from scheduler_bridge.sites.changes import look_anew
from scheduler_bridge.sites.selectors import waiting_without_slurm
from scheduler_bridge.slurm_rest_client import SlurmError

log = logging.getLogger(__name__)

BOTH = (Door.CONTROLLER, Door.ACCOUNTING)


def _on(cluster_code: str, work: Callable[[Cluster], int], name: str, *doors: Door) -> int:
    """Do one kind of work on one cluster, unless somebody is at it already or a daemon it needs is down."""
    cluster = Cluster.objects.select_related("site").get(code=cluster_code)
    with only_one(f"{name}:{cluster_code}") as mine:
        if not mine:
            return 0
        try:
            with gate.watched(cluster):
                return work(cluster) if gate.admits(cluster, *doors) else 0
        except locks.LeaseLost as lost:
            log.warning("%s", lost)
        except (SlurmError, OSError) as error:
            log.warning("%s on %s: %s", name, cluster_code, error)
        except Exception:
            # A fault in one kind of work, or a busy database, keeps no other kind waiting.
            log.exception("%s on %s failed", name, cluster_code)
    return 0


@shared_task
def dispatch(cluster_code: str) -> int:
    """Send what waits."""
    try:
        return drain(Cluster.objects.get(code=cluster_code))
    except locks.LeaseLost as lost:
        log.warning("%s", lost)
        return 0


@shared_task
def follow(cluster_code: str) -> None:
    """Look after open jobs: cancels, live states, lost answers, accounting."""
    _on(cluster_code, cancel, "cancel")
    _on(cluster_code, poll, "poll")
    _on(cluster_code, resolve, "lookup", *BOTH)
    _on(cluster_code, ingest, "ingest", *BOTH)


def cancel(cluster: Cluster) -> int:
    return cancel_requested(cluster) if standing.may_change(cluster) else 0


@shared_task
def provision(allocation_code: str, is_drift: bool = False) -> None:
    """Bring one allocation's Slurm account to what it should be, unless that may not or can't be now."""
    allocation = Allocation.objects.select_related("resource__cluster", "resource__site", "project").get(
        code=allocation_code
    )
    cluster = allocation.resource.cluster
    with only_one(f"provision:{allocation_code}") as mine:
        if mine and (cluster is None or _may_change(cluster)):
            try:
                reconcile(allocation, is_drift=is_drift)
            except locks.LeaseLost as lost:
                log.warning("%s", lost)


def _may_change(cluster: Cluster) -> bool:
    return standing.may_change(cluster) and gate.admits(cluster, *BOTH)


@shared_task
def look(cluster_code: str) -> None:
    """A cluster was added or is reached in another way: find its version, then go on as ever."""
    cluster = Cluster.objects.get(code=cluster_code)
    for door in BOTH:  # failures of the old way in say nothing about the new one
        gate.reopen(cluster, door)
    _on(cluster_code, look_anew, "look")
    if Cluster.objects.filter(code=cluster_code, is_enabled=True).exists():
        _wake(dispatch, cluster_code)
        _wake(follow, cluster_code)


@shared_task
def tick() -> None:
    """Every few seconds: wake the work on each cluster. Losing one costs delay only."""
    expire_leases()
    try:
        if not epoch.problem():
            epoch.advance()
    except epoch.EpochError as error:  # nothing is sent then, but all else goes on
        log.warning("%s", error)
    for code in Cluster.objects.filter(is_enabled=True).values_list("code", flat=True):
        _wake(dispatch, code)
        _wake(follow, code)


@shared_task
def compare(cluster_code: str) -> None:
    """Find what changed in a cluster's Slurm accounts without the portal, and have it put right."""
    _on(cluster_code, wake_for_drift, "compare", Door.ACCOUNTING)


def wake_for_drift(cluster: Cluster) -> int:
    codes = drifted(cluster)
    for code in codes:
        _wake(provision, code, True)
    return len(codes)


@shared_task
def compare_all() -> None:
    """Every few minutes: each cluster."""
    for code in Cluster.objects.filter(is_enabled=True).values_list("code", flat=True):
        _wake(compare, code)


@shared_task
def provision_waiting() -> None:
    """Try again what is still being set up, and every change that hasn't come to Slurm yet."""
    with only_one("provision_waiting") as mine:
        for code in (*out_of_line(), *waiting_without_slurm()) if mine else ():
            _wake(provision, code)


def _wake(task: "Task[..., object]", *arguments: str | bool) -> None:
    task.apply_async(arguments, expires=30)
