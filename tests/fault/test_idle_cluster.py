"""A cluster that holds no job at all says so with a remark, which must neither hide nor prove a loss."""

import pytest

from portal.foundation import clock
from scheduler_bridge.accounting.poll import poll
from scheduler_bridge.dispatch.claim import claim_batch
from scheduler_bridge.dispatch.lookup import expire_leases, holds_nothing, resolve
from scheduler_bridge.models import Job
from scheduler_bridge.slurm_rest_client import Diag, Listing

pytestmark = pytest.mark.django_db

REMARKED: Listing = Listing((), complete=False, warnings=("Zero jobs to dump",))
UNCHANGED: Listing = Listing((), complete=False, warnings=("No job changes since update_time[1]",))


@pytest.mark.parametrize(
    ("pending", "running", "empty"),
    [(0, 0, True), (1, 0, False), (0, 2, False), (None, None, False), (0, None, False)],
)
def test_an_empty_list_counts_only_with_the_controllers_own_counts(pending, running, empty):
    told = Diag(server_time=1, dbd_agent_queue_size=0, jobs_pending=pending, jobs_running=running)
    assert holds_nothing(REMARKED, told) is empty
    assert not holds_nothing(UNCHANGED, told)


def test_a_job_that_was_never_sent_is_proven_absent(stage, settings):
    settings.DISPATCH_TOKEN_SECONDS = 1
    settings.MISS_INTERVAL_SECONDS = 0
    job = stage.submit()
    claim_batch(stage.cluster, limit=1)
    Job.objects.update(lease_until=clock.now())
    stage.advance(5)
    expire_leases()
    for _ in range(2):
        resolve(stage.cluster)
    job.refresh_from_db()
    assert job.state == "approved"


def test_the_only_job_is_missed_when_the_controller_forgets_it(stage):
    job = stage.submit()
    stage.drain()
    job.refresh_from_db()
    stage.control("forget", job_id=job.slurm_job_id)
    poll(stage.cluster)
    job.refresh_from_db()
    assert job.state == "uncertain"
