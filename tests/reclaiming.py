"""Rules of reclamation and an allocation that they catch."""

from datetime import timedelta
from typing import Any

from allocations.awards.models import Allocation
from allocations.awards.services import allocation_activate, award_make
from allocations.ledger.services import charge_post
from allocations.lifecycle.models.reclaim import ReclaimCase, ReclaimRule
from allocations.lifecycle.services.reclaim import reclaim_run
from allocations.lifecycle.services.reclaim_rules import reclaim_rule_create
from portal.foundation import clock
from tests.cast import Cast
from tests.requesting import HOUR, fund

SAYS: dict[str, Any] = {
    "check_percent": 50,
    "used_below_percent": 20,
    "take_percent": 50,
    "first_warning_days": 14,
    "second_warning_days": 7,
    "min_age_days": 0,
    "enforced": True,
    "note": "As agreed",
}


def rule(cast: Cast, **changes: Any) -> ReclaimRule:
    """At half of the period, below a fifth used: half of the unused is taken."""
    return reclaim_rule_create(actor=cast.admin, name_en="Half", name_ur="نصف", **{**SAYS, **changes})


def hundred_days(cast: Cast, gpu_hours: int = 100) -> Allocation:
    """An active allocation of a hundred days from today."""
    fund(cast.resource)
    today = clock.today()
    award = award_make(
        actor=cast.council,
        project=cast.project,
        resource=cast.resource,
        gpu_seconds=gpu_hours * HOUR,
        starts_on=today,
        ends_on=today + timedelta(days=99),
    )
    return allocation_activate(allocation=award.allocation)


def use(allocation: Allocation, gpu_hours: float) -> None:
    charge_post(
        allocation_code=allocation.code,
        run_key=f"run:{allocation.code}:{gpu_hours}",
        gpu_seconds=int(gpu_hours * HOUR),
        job_code=None,
        key=f"charge:{allocation.code}:{gpu_hours}",
    )


def day(number: float) -> Any:
    """So many days from now."""
    return clock.now() + timedelta(days=number)


def warned(cast: Cast, allocation: Allocation) -> ReclaimCase:
    """The rule has warned once."""
    rule(cast)
    assert reclaim_run(at=day(37)) == {"warn": 1}
    return ReclaimCase.objects.get(allocation=allocation)
