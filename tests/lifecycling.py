"""Allocations, changes and appeals, made by the services that make them in life."""

from datetime import date, timedelta
from typing import Any

from allocations.awards.models import Allocation
from allocations.awards.services import allocation_activate
from allocations.ledger.selectors import balances, pool_free
from allocations.lifecycle import services
from allocations.lifecycle.models import ChangeRequest
from allocations.programme.models import Track, TrackStep, TrackVersion
from allocations.programme.services import request_approve
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.models import OutboxRow
from portal.people.models import ProgrammeRole, User
from tests.cast import Cast, person
from tests.requesting import HOUR, fund, submitted

NOW = Quarter.of(clock.today())


def in_quarter(days: int = 0) -> date:
    """A day of the next quarter."""
    return NOW.next.first_day + timedelta(days=days)


def allocated(cast: Cast, gpu_hours: int = 400, **fields: Any) -> Allocation:
    """An active allocation until the end of this quarter, out of pools of 10,000 GPU-hours each."""
    resource: Resource = fields.get("resource", cast.resource)
    fund(resource)
    asked = {"starts_on": clock.today(), "ends_on": NOW.last_day, "gpu_seconds": gpu_hours * HOUR}
    request = submitted(cast, **{**asked, **fields})
    decision = request_approve(actor=cast.council, request=request, gpu_seconds=gpu_hours * HOUR)
    award = decision.lines.get().award
    assert award is not None
    allocation = allocation_activate(allocation=award.allocation)
    return allocation


def strict_track(code: str = "strict", persons: int = 1, **rules: Any) -> Track:
    """A track whose version has `rules`: instalments, reports, days to appeal."""
    track = Track.objects.create(code=code, name_en=code.title(), name_ur=code, position=98)
    version = TrackVersion.objects.create(track=track, number=1, by_choice=True, **rules)
    TrackStep.objects.create(
        version=version, position=0, kind="decision", roles=["admin", "council"], persons=persons
    )
    return track


def decider(name: str, role: str = "council") -> User:
    """One more who decides."""
    user = person(name)
    ProgrammeRole.objects.create(user=user, role=role)
    return user


def ask(cast: Cast, allocation: Allocation, verb: str, **fields: Any) -> ChangeRequest:
    fields.setdefault("reason", "As the work goes.")
    return services.change_ask(actor=fields.pop("actor", cast.pi), allocation=allocation, verb=verb, **fields)


def declined_change(cast: Cast, allocation: Allocation) -> ChangeRequest:
    change = ask(cast, allocation, "more", gpu_seconds=300 * HOUR)
    return services.change_decide(
        actor=cast.council, change=change, outcome="declined", reason="Use first what you have."
    )


def adds_up(*allocations: Allocation) -> None:
    for allocation in allocations:
        standing = balances(allocation.code)
        assert min(vars(standing).values()) >= 0, standing
        assert standing.granted + standing.overrun == (
            standing.spent + standing.held + standing.available + standing.returned
        )


def free(resource: Resource, *quarters: Quarter) -> list[int]:
    """What can still be awarded in this quarter and the next, or in `quarters`."""
    return list(pool_free(resource, quarters or (NOW, NOW.next)).values())


def bridge_told(allocation: Allocation) -> int:
    return OutboxRow.objects.filter(topic="allocation_provision", key=allocation.code).count()
