"""Where a request stands, for all who may see it: who holds it, since when, and until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allocations.programme.models import AllocationRequest, RequestStep, TrackStep
from allocations.programme.tracks import role_names, target_moment
from allocations.programme.transitions import PENDING, StepState
from portal.foundation import clock


@dataclass(frozen=True)
class StepLine:
    """One step as people see it."""

    kind: str
    label: str
    state: str
    state_label: str
    holder: str
    opened_at: datetime | None
    due_at: datetime | None
    closed_at: datetime | None
    note: str
    is_overdue: bool

    def get_state_display(self) -> str:
        """As the badge asks for it."""
        return self.state_label


@dataclass(frozen=True)
class Clock:
    """The public clock of a request: its steps in order, and the moment until which it should be decided."""

    track: str
    round: int
    submitted_at: datetime | None
    target_at: datetime | None
    is_late: bool
    holder: str
    since: datetime | None
    steps: list[StepLine]


def clock_of(request: AllocationRequest) -> Clock | None:
    """The clock of the latest round; None for a request that was never filed under a track.

    Reads only what `selectors.detailed` brought along.
    """
    version = request.track_version
    if version is None:
        return None
    steps = [step for step in request.steps.all() if step.round == request.round]
    first = next((step.opened_at for step in steps if step.opened_at), request.submitted_at)
    target_at = target_moment(version, first) if first else None
    held = next((step for step in steps if step.state == StepState.OPEN), None)
    pending = request.state in PENDING
    return Clock(
        track=str(version.track),
        round=request.round,
        submitted_at=request.submitted_at,
        target_at=target_at,
        is_late=pending and target_at is not None and target_at < clock.now(),
        holder=_holder(request, held) if held and pending else "",
        since=held.opened_at if held else None,
        steps=[_line(request, step) for step in steps],
    )


def _line(request: AllocationRequest, step: RequestStep) -> StepLine:
    return StepLine(
        kind=step.kind,
        label=str(step.get_kind_display()),
        state=step.state,
        state_label=str(step.get_state_display()),
        holder=_holder(request, step),
        opened_at=step.opened_at,
        due_at=step.due_at if step.state == StepState.OPEN else None,
        closed_at=step.closed_at,
        note=step.note,
        is_overdue=step.is_overdue,
    )


def _holder(request: AllocationRequest, step: RequestStep) -> str:
    """Who is asked, by role: persons aren't named while they work on it."""
    if step.kind == TrackStep.Kind.CONSENT:
        sites = [str(consent.site) for consent in request.consents.all() if consent.round == request.round]
        return ", ".join(sites) or role_names(step.step.roles)
    if step.step.by == TrackStep.By.RULE and not step.step.roles:
        return ""
    return role_names(step.step.roles)


def compared(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What differs between two submissions: field, before, after; in the order of the form."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        (name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    ]
