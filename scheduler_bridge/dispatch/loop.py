"""The draining loop of one cluster: claim a batch, send it over a few connections, write the answers."""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from django.db import OperationalError

from datacenters.models import Cluster
from scheduler_bridge.dispatch import gate, locks, results
from scheduler_bridge.dispatch.claim import Claim, claim_batch
from scheduler_bridge.dispatch.locks import only_one
from scheduler_bridge.dispatch.send import Answer, send
from scheduler_bridge.installation import epoch, standing
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import AttemptOutcome, JobState

log = logging.getLogger(__name__)

# slurmctld's locks make more calls at once useless.
CONNECTIONS = 4
BATCH = 64
# Seconds between tries to write answers down.
PAUSES = (0.5, 1, 2, 4)
# The cluster itself spoke.
CLEAR = {AttemptOutcome.ACCEPTED, AttemptOutcome.REFUSED}
# Answers in a row that show the cluster in trouble, after which the rest of a batch isn't sent.
MOST_TROUBLED = 2


def drain(cluster: Cluster) -> int:
    """Send what waits for this cluster until nothing does; returns how many jobs were claimed.

    Only one drain a cluster runs at a time, across all workers; another call returns 0 at once. Raises
    LeaseLost where another worker has taken over: what was answered is written down all the same.
    """
    sent = 0
    under_way: list[Future[Answer]] = []
    with only_one(f"dispatch:{cluster.code}") as mine, ThreadPoolExecutor(CONNECTIONS) as pool:
        batch = Batch()
        try:
            while mine:
                # While one batch is on its way, the next is claimed; then the first is written down.
                before, under_way = under_way, _start(cluster, batch, pool)
                _finish(cluster, before)
                if not under_way:
                    break
                sent += len(under_way)
        finally:
            _finish(cluster, under_way)
    return sent


def _start(cluster: Cluster, batch: "Batch", pool: ThreadPoolExecutor) -> list[Future[Answer]]:
    """Claim the next jobs and have them sent. Raises LeaseLost."""
    if batch.is_troubled or not _may_send(cluster):
        return []
    locks.keep()
    claims = claim_batch(cluster, limit=min(BATCH, _room(cluster)))
    if not claims:
        return []
    try:
        # Before anything leaves: a backup that is restored later won't know of these attempts.
        epoch.advance(attempt=max(claim.attempt.pk for claim in claims))
    except epoch.EpochError as error:
        not_sent = partial(Answer, outcome=AttemptOutcome.NOT_SENT, text=str(error), shuts_gate=True)
        return [pool.submit(not_sent, claim) for claim in claims]
    return [pool.submit(batch.send, claim) for claim in claims]


def _finish(cluster: Cluster, under_way: list[Future[Answer]]) -> None:
    if under_way:
        answers = [future.result() for future in under_way]
        _write(answers)
        _mind_the_gate(cluster, answers)


def _write(answers: list[Answer]) -> None:
    """Write the answers down; while the database is busy, again and again: without them every job of the
    batch would have to be looked up."""
    for pause in PAUSES:
        try:
            return results.write(answers)
        except OperationalError as error:
            log.warning("Writing down %d answers: %s", len(answers), error)
            time.sleep(pause)
    return results.write(answers)


class Batch:
    """Sends jobs until the cluster shows itself in trouble: each further call would take as long, and on
    Slurm 22.05 a token that is refused looks like a lost answer and leaves every job uncertain."""

    def __init__(self) -> None:
        self._troubled = 0

    @property
    def is_troubled(self) -> bool:
        return self._troubled >= MOST_TROUBLED

    def send(self, claim: Claim) -> Answer:
        if self.is_troubled:
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
    pending = Job.objects.filter(cluster=cluster, state__in=[JobState.DISPATCHING, JobState.QUEUED]).count()
    return max(0, cluster.max_pending - pending)


def _mind_the_gate(cluster: Cluster, answers: list[Answer]) -> None:
    troubled = [answer for answer in answers if answer.shuts_gate]
    if troubled:
        gate.shut(cluster, error=troubled[-1].text)
    elif any(answer.outcome in CLEAR for answer in answers):
        gate.reopen(cluster)
