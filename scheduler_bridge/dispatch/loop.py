"""The draining loop of one cluster: claim a batch, send it over a few connections, write the answers."""

from concurrent.futures import ThreadPoolExecutor

from datacenters.models import Cluster
from scheduler_bridge.dispatch import gate, locks, results
from scheduler_bridge.dispatch.claim import Claim, claim_batch
from scheduler_bridge.dispatch.locks import only_one
from scheduler_bridge.dispatch.send import Answer, send
from scheduler_bridge.installation import epoch, standing
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import AttemptOutcome, JobState

# slurmctld's locks make more calls at once useless.
CONNECTIONS = 4
BATCH = 64
# Answers in a row that show the cluster in trouble, after which the rest of a batch isn't sent.
MOST_TROUBLED = 2


def drain(cluster: Cluster) -> int:
    """Send what waits for this cluster until nothing does; returns how many jobs were claimed.

    Only one drain a cluster runs at a time, across all workers; another call returns 0 at once. Raises
    LeaseLost where another worker has taken over: what was answered is written down all the same.
    """
    sent = 0
    with only_one(f"dispatch:{cluster.code}") as mine, ThreadPoolExecutor(CONNECTIONS) as pool:
        while mine and _may_send(cluster):
            locks.keep()
            claims = claim_batch(cluster, limit=min(BATCH, _room(cluster)))
            if not claims:
                break
            answers = _send(claims, pool)
            results.write(answers)
            locks.keep()
            _mind_the_gate(cluster, answers)
            sent += len(claims)
    return sent


def _send(claims: list[Claim], pool: ThreadPoolExecutor) -> list[Answer]:
    try:
        # Before anything leaves: a backup that is restored later won't know of these attempts.
        epoch.advance(attempt=max(claim.attempt.pk for claim in claims))
    except epoch.EpochError as error:
        return [Answer(claim, AttemptOutcome.NOT_SENT, str(error), shuts_gate=True) for claim in claims]
    return list(pool.map(Batch().send, claims))


class Batch:
    """Sends jobs until the cluster shows itself in trouble: each further call would take as long, and on
    Slurm 22.05 a token that is refused looks like a lost answer and leaves every job uncertain."""

    def __init__(self) -> None:
        self._troubled = 0

    def send(self, claim: Claim) -> Answer:
        if self._troubled >= MOST_TROUBLED:
            return Answer(claim, AttemptOutcome.NOT_SENT, "The site is in trouble: sent when it answers.")
        answer = send(claim)
        self._troubled = self._troubled + 1 if answer.shuts_gate else 0
        return answer


def _may_send(cluster: Cluster) -> bool:
    return (
        Cluster.objects.filter(pk=cluster.pk, is_enabled=True, site__is_open=True).exists()
        and standing.may_send(cluster)
        and gate.admits(cluster)
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
