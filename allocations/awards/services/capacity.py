"""Planned capacity, less outages and reserve, becomes ledger capacity."""

import logging

from django.db import transaction

from allocations.ledger import services as ledger
from allocations.ledger.models import AccountKind, LedgerAccount
from allocations.ledger.pools import created
from datacenters.models import Capacity, Resource
from datacenters.outages import effective, resources_out
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import Refused
from portal.foundation.services import outbox

log = logging.getLogger(__name__)


@transaction.atomic
def capacity_post(*, resource: Resource, quarter: Quarter) -> int:
    """Bring the ledger's pool to what may be awarded of the resource in `quarter`.

    Where awards already took more (an outage came after them), the pool is emptied as far as it can be.
    Returns by how much more is awarded than there is, 0 where they agree. Whoever waits for the resource
    hears of more by the outbox (topic `pool_freed`).
    """
    row = (
        Capacity.objects.select_for_update(of=("self",), no_key=True)
        .select_related("resource__cluster")
        .get(resource=resource, quarter=str(quarter))
    )
    wanted = effective(row).awardable
    pool = LedgerAccount.objects.filter(
        resource=resource, kind=AccountKind.POOL, quarter=str(quarter)
    ).first()
    before = created(pool) if pool else 0
    if before == wanted:
        return 0
    # The moment names the change: the same figure may be set again after another.
    key = f"capacity:{row.pk}:{clock.now().timestamp()}"
    try:
        _set(resource, quarter, wanted, key)
    except Refused as refusal:
        if refusal.code != "capacity_in_use":
            raise
        awarded: int = refusal.figures["awarded"]
        if refusal.figures["free"]:
            _set(resource, quarter, awarded, f"{key}/most")
        log.warning("%s %s: %s GPU-seconds more awarded than there are", resource, quarter, awarded - wanted)
        return awarded - wanted
    if wanted > before:
        outbox.enqueue(topic="pool_freed", payload={"resource": resource.code}, key=resource.code)
    return 0


def capacity_follow(*, resource: Resource) -> None:
    """`capacity_post` for this quarter and all later ones that are planned."""
    ahead = Capacity.objects.filter(resource=resource, quarter__gte=str(Quarter.of(clock.today())))
    for name in ahead.order_by("quarter").values_list("quarter", flat=True):
        capacity_post(resource=resource, quarter=Quarter.parse(name))


def capacities_follow() -> int:
    """For every resource with an outage that goes on: each day takes more. Returns how many there were."""
    resources = list(resources_out())
    for resource in resources:
        capacity_follow(resource=resource)
    return len(resources)


def capacities_lapse() -> int:
    """What nobody was awarded of quarters that are over leaves the pools. Returns how many pools had some.

    Any number of times; a pool that has nothing is left alone.
    """
    now = str(Quarter.of(clock.today()))
    over = LedgerAccount.objects.filter(kind=AccountKind.POOL, balance__gt=0, quarter__lt=now)
    pools = list(over.select_related("resource").order_by("pk"))
    for pool in pools:
        ledger.capacity_lapse(
            resource=pool.resource,
            quarter=Quarter.parse(pool.quarter),
            key=f"lapse:{pool.pk}:{clock.now().timestamp()}",
            actor=None,
        )
    return len(pools)


def _set(resource: Resource, quarter: Quarter, gpu_seconds: int, key: str) -> None:
    with transaction.atomic():  # a refusal undoes only this
        ledger.capacity_set(resource=resource, quarter=quarter, gpu_seconds=gpu_seconds, key=key, actor=None)
