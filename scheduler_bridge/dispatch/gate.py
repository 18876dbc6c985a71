"""The gates before each cluster, one for each of its daemons: shut after failures, for growing pauses.

A call to a dead daemon holds a thread for 9 to 18 seconds. So while a gate is shut nobody calls, and when a
pause is over one caller asks a small question first; the others stay away until it was answered.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from datacenters.models import Cluster
from datacenters.services import cluster_seen
from portal.foundation import clock
from scheduler_bridge.models import ClusterGate, Door
from scheduler_bridge.sites.clients import client_for, operator_token
from scheduler_bridge.slurm_rest_client import (
    AuthRejected,
    NeverSent,
    NoAnswer,
    ProtocolError,
    SlurmError,
    Unavailable,
    VersionUnsupported,
)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
# Failures further back than this don't lengthen the next pause.
FORGOTTEN_AFTER = 2 * LONGEST_PAUSE
# How long one caller alone may take to find out whether the daemon is back.
PROBE = timedelta(seconds=40)

# The client's names for calls that end at slurmdbd.
ACCOUNTING_CALLS = frozenset(
    {
        "account", "accounting_by_id", "accounting_jobs", "associations", "clusters", "qos", "tres", "user",
        "write_account", "write_association", "write_qos", "write_user",
    }
)  # fmt: skip

# Of the cluster, not of one job or limit. OSError: the key that signs for it can't be read.
TROUBLE = (AuthRejected, NeverSent, NoAnswer, ProtocolError, Unavailable, VersionUnsupported, OSError)


def admits(cluster: Cluster, *doors: Door) -> bool:
    """Whether the cluster may be called now; for who comes first after a pause this makes a call itself."""
    return all(_admits(cluster, door) for door in doors or (Door.CONTROLLER,))


@contextmanager
def watched(cluster: Cluster) -> Iterator[None]:
    """Trouble with the cluster in here shuts the gate of the daemon that it is with, and goes on up."""
    try:
        yield
    except TROUBLE as error:
        shut(cluster, error=words(error), door=door_of(error))
        raise


def words(error: Exception) -> str:
    """What went wrong, for pages. Where keys lie is nobody's business."""
    return f"The signing key can't be read: {error.strerror}." if isinstance(error, OSError) else str(error)


def door_of(error: Exception) -> Door:
    if isinstance(error, SlurmError) and error.operation in ACCOUNTING_CALLS:
        return Door.ACCOUNTING
    return Door.CONTROLLER


def shut(cluster: Cluster, *, error: str, door: Door = Door.CONTROLLER) -> None:
    """One more failure: stay away for a while."""
    gate, _ = ClusterGate.objects.get_or_create(cluster=cluster, door=door)
    now = clock.now()
    recent = gate.failed_at is not None and now - gate.failed_at < FORGOTTEN_AFTER
    gate.failures = gate.failures + 1 if recent else 1
    gate.failed_at = now
    gate.closed_until = now + min(FIRST_PAUSE * 2 ** min(gate.failures - 1, 10), LONGEST_PAUSE)
    gate.last_error = error[:500]
    gate.save()


def reopen(cluster: Cluster, door: Door = Door.CONTROLLER) -> None:
    """What failed before has been done."""
    ClusterGate.objects.filter(cluster=cluster, door=door, failures__gt=0).update(
        failures=0, closed_until=None, last_error=""
    )


def _admits(cluster: Cluster, door: Door) -> bool:
    now = clock.now()
    gate = ClusterGate.objects.filter(cluster=cluster, door=door)
    if not gate.filter(closed_until__isnull=False).exists():
        return True
    return bool(gate.filter(closed_until__lte=now).update(closed_until=now + PROBE)) and _answers(
        cluster, door
    )


def _answers(cluster: Cluster, door: Door) -> bool:
    """Ask with a token: what is sent with a bad one gets no clear answer from Slurm 22.05.

    An answer opens the gate, but only work that succeeds forgets the failures.
    """
    try:
        with watched(cluster):
            PROBES[door](cluster)
    except (SlurmError, OSError) as error:
        if door == Door.CONTROLLER:
            cluster_seen(cluster=cluster, problem=words(error))
        return False
    ClusterGate.objects.filter(cluster=cluster, door=door).update(closed_until=None)
    return True


def _ask_controller(cluster: Cluster) -> None:
    client_for(cluster).diag(operator_token(cluster))


def _ask_accounting(cluster: Cluster) -> None:
    client_for(cluster).clusters(operator_token(cluster))


PROBES: dict[Door, Callable[[Cluster], None]] = {
    Door.CONTROLLER: _ask_controller,
    Door.ACCOUNTING: _ask_accounting,
}
