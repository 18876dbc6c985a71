"""Reading what provisioning did."""

from django.db.models import QuerySet

from allocations.awards.models import Allocation
from scheduler_bridge.models import ProvisioningRun


def recent_runs(allocation: Allocation, count: int = 20) -> QuerySet[ProvisioningRun]:
    """What was done in Slurm for an allocation, or kept it from being done; the latest first."""
    return ProvisioningRun.objects.filter(allocation=allocation)[:count]
