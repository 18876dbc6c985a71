"""The gate before each cluster: shut after failures, for pauses that double up to five minutes."""

from datetime import timedelta

from datacenters.models import Cluster
from portal.foundation import clock
from scheduler_bridge.models import ClusterGate

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)


def is_open(cluster: Cluster) -> bool:
    gate = ClusterGate.objects.filter(cluster=cluster).first()
    return gate is None or gate.closed_until is None or gate.closed_until <= clock.now()


def shut(cluster: Cluster, *, error: str) -> None:
    """One more failure: stay away for a while."""
    gate, _ = ClusterGate.objects.get_or_create(cluster=cluster)
    gate.failures += 1
    gate.closed_until = clock.now() + min(FIRST_PAUSE * 2 ** min(gate.failures - 1, 10), LONGEST_PAUSE)
    gate.last_error = error[:500]
    gate.save()


def reopen(cluster: Cluster) -> None:
    """The cluster answered."""
    ClusterGate.objects.filter(cluster=cluster, failures__gt=0).update(
        failures=0, closed_until=None, last_error=""
    )
