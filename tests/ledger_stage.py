"""An allocation with a short history in the ledger, for the tests of its page and its API."""

from datetime import timedelta

from allocations.awards.models import Allocation
from allocations.ledger.services import (
    award_post,
    capacity_set,
    charge_post,
    hold_place,
    hold_release,
    refund_post,
)
from portal.foundation import clock
from portal.foundation.clock import Quarter
from tests.cast import Cast

HOUR = 3600


def funded_allocation(cast: Cast, *, jobs: int = 1) -> Allocation:
    """100 GPU-hours granted; each job held 2, used 1 and let go of the rest; the first got half refunded."""
    quarter = Quarter.of(clock.today())
    allocation = Allocation.objects.create(
        project=cast.project,
        resource=cast.resource,
        starts_on=clock.today(),
        ends_on=clock.today() + timedelta(days=60),
    )
    code = allocation.code
    capacity_set(
        resource=cast.resource, quarter=quarter, gpu_seconds=1000 * HOUR, key=f"plan {code}", actor=cast.admin
    )
    award_post(
        resource=cast.resource,
        allocation_code=code,
        portions={quarter: 100 * HOUR},
        key=f"award {code}",
        actor=cast.council,
        reason="=SUM(A1) of merit",
    )
    for number in range(jobs):
        job = f"job-{code[-4:]}-{number}"
        hold_place(allocation_code=code, job_code=job, gpu_seconds=2 * HOUR, key=f"hold {job}")
        charge_post(
            allocation_code=code, run_key=f"run {job}", job_code=job, gpu_seconds=HOUR, key=f"charge {job}"
        )
        hold_release(job_code=job, key=f"release {job}")
    refund_post(
        allocation_code=code,
        run_key=f"run job-{code[-4:]}-0",
        gpu_seconds=HOUR // 2,
        key=f"refund {code}",
        actor=cast.admin,
        reason="The node failed.",
    )
    return allocation
