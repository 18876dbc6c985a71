"""Sites with capacity enough for all of it; their clusters are switched off. ILLUSTRATIVE."""

from allocations.awards.services import capacity_post
from datacenters.demo import NOWHERE
from datacenters.models import Capacity, Cluster, Resource, Site
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.web.load.size import MARK

SITES = 4
GPUS = 2_000
PAST_YEARS = 1  # for which capacity is planned, besides the year to come


def plant(scale: float) -> list[Resource]:
    return [_place(number, max(int(GPUS * scale), 64)) for number in range(1, SITES + 1)]


def _place(number: int, gpus: int) -> Resource:
    code = f"load-{number}"
    site = Site.objects.create(
        code=code,
        name=f"{MARK} site {number} (ILLUSTRATIVE)",
        city="Karachi",
        province="sindh",
        illustrative=True,
    )
    cluster = Cluster.objects.create(
        code=code, site=site, slurm_name=code, url=NOWHERE, signer=f"{code}.key", is_enabled=False
    )
    resource = Resource.objects.create(
        code=f"{code}-h100",
        site=site,
        cluster=cluster,
        name=f"{MARK} H100 {number}",
        gpu_model="NVIDIA H100",
        gres_type="h100",
        partition="gpu",
        gpu_count=gpus,
        illustrative=True,
    )
    for quarter in _quarters():
        Capacity.objects.create(
            resource=resource, quarter=str(quarter), gpu_seconds=resource.most_gpu_seconds(quarter)
        )
        capacity_post(resource=resource, quarter=quarter)
    return resource


def _quarters() -> list[Quarter]:
    now = Quarter.of(clock.today())
    quarters = [Quarter(now.year - PAST_YEARS, now.number)]
    while len(quarters) < 4 * PAST_YEARS + 5:
        quarters.append(quarters[-1].next)
    return quarters
