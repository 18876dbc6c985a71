"""What a change does once it may: one service of the awards for each kind."""

from collections.abc import Callable
from typing import Any

from allocations.awards import services as awards
from allocations.awards.models import Allocation
from allocations.lifecycle.models import ChangeKind, ChangeRequest
from allocations.lifecycle.services.reports import version_of
from allocations.programme.services.awarding import keep_back
from portal.people.models import User


def carry_out(change: ChangeRequest, actor: User | None) -> None:
    """Do it, in the caller's transaction; `actor` None: a rule decided. Raises what that service does."""
    service, fields = EFFECTS[ChangeKind(change.kind)]
    service(
        allocation=change.allocation,
        actor=actor,
        reason=change.reason,
        # A change that an appeal brought back is carried out once all the same.
        key=f"change:{change.code}",
        **{field: getattr(change, field) for field in fields},
    )


def _supplement(
    *, allocation: Allocation, gpu_seconds: int, actor: User | None, reason: str, key: str
) -> None:
    """Where the track pays in instalments, part of what is added is kept back like the rest."""
    award = awards.allocation_supplement(
        allocation=allocation, gpu_seconds=gpu_seconds, actor=actor, reason=reason, key=key
    )
    if award is not None:
        keep_back(award, version_of(allocation))


EFFECTS: dict[ChangeKind, tuple[Callable[..., Any], tuple[str, ...]]] = {
    ChangeKind.SUPPLEMENT: (_supplement, ("gpu_seconds",)),
    ChangeKind.ADVANCE: (awards.instalment_release, ("gpu_seconds",)),
    ChangeKind.EXTENSION: (awards.allocation_extend, ("ends_on",)),
    ChangeKind.TRANSFER: (awards.allocation_transfer, ("gpu_seconds", "target")),
    ChangeKind.GIVE_BACK: (awards.allocation_give_back, ("gpu_seconds",)),
}
