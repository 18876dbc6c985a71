"""The only writers of awards and allocations."""

from allocations.awards.services.adjusting import allocation_adjust
from allocations.awards.services.allocations import (
    allocation_activate,
    allocation_close,
    allocation_expire,
    allocation_resume,
    allocation_revoke,
    allocation_suspend,
    allocations_sweep,
)
from allocations.awards.services.awarding import award_make
from allocations.awards.services.capacity import (
    capacities_follow,
    capacities_lapse,
    capacity_follow,
    capacity_post,
)
from allocations.awards.services.changing import (
    allocation_extend,
    allocation_give_back,
    allocation_supplement,
    allocation_transfer,
    award_withhold,
    instalment_release,
)
from allocations.awards.services.outages import outage_follow

__all__ = [
    "allocation_activate",
    "allocation_adjust",
    "allocation_close",
    "allocation_expire",
    "allocation_extend",
    "allocation_give_back",
    "allocation_resume",
    "allocation_revoke",
    "allocation_supplement",
    "allocation_suspend",
    "allocation_transfer",
    "allocations_sweep",
    "award_make",
    "award_withhold",
    "capacities_follow",
    "capacities_lapse",
    "capacity_follow",
    "capacity_post",
    "instalment_release",
    "outage_follow",
]
