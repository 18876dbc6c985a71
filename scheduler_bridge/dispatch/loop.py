"""The draining loop of one cluster: claim a batch, send it over a few connections, write the answers."""

from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from datacenters.models import Cluster
from scheduler_bridge.dispatch import gate, results
from scheduler_bridge.dispatch.claim import claim_batch
from scheduler_bridge.dispatch.locks import only_one
from scheduler_bridge.dispatch.send import Answer, send
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import JobState

# slurmctld's locks make more calls at once useless.
CONNECTIONS = 4
BATCH = 64


def drain(cluster: Cluster) -> int:
    """Send what waits for this cluster until nothing does; returns how many jobs were claimed.

    Only one drain a cluster runs at a time, across all workers; another call returns 0 at once.
    """
    sent = 0
    with only_one(f"dispatch:{cluster.code}") as mine, ThreadPoolExecutor(CONNECTIONS) as pool:
        while mine and _may_send(cluster):
            claims = claim_batch(cluster, limit=min(BATCH, _room(cluster)))
            if not claims:
                break
            answers = list(pool.map(send, claims))
            results.write(answers)
            _mind_the_gate(cluster, answers)
            sent += len(claims)
    return sent


def _may_send(cluster: Cluster) -> bool:
    return bool(
        settings.DISPATCH_ENABLED
        and Cluster.objects.filter(pk=cluster.pk, is_enabled=True, site__is_open=True).exists()
        and gate.is_open(cluster)
    )


def _room(cluster: Cluster) -> int:
    """A site keeps a bounded number of pending jobs, so that fairness acts here and not in its queue."""
    pending = Job.objects.filter(cluster=cluster, state=JobState.QUEUED).count()
    return max(0, cluster.max_pending - pending)


def _mind_the_gate(cluster: Cluster, answers: list[Answer]) -> None:
    troubled = [answer for answer in answers if answer.shuts_gate]
    if troubled:
        gate.shut(cluster, error=troubled[-1].text)
    else:
        gate.reopen(cluster)
