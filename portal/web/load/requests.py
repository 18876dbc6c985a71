"""Requests: those that were approved, each with its decision, and those that wait for one. ILLUSTRATIVE."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from allocations.programme.models import (
    AllocationRequest,
    Decision,
    DecisionLine,
    RequestLine,
    RequestStep,
    RunRow,
    TrackVersion,
)
from allocations.programme.transitions import RequestState, StepState
from allocations.projects.models import Project, ProjectMember
from datacenters.models import Resource
from portal.foundation import clock
from portal.people.models import User
from portal.web.load.size import Size

HOUR = 3600
TRACK = "standard"
WHY = "ILLUSTRATIVE. Runs of a model of a size that fits the GPU-hours asked for, several times over."
LONGEST_AGO = 300  # days before today on which a period may have begun


@dataclass(frozen=True)
class Wanted:
    """One line of a request to be."""

    resource: Resource
    gpu_seconds: int


@dataclass(frozen=True)
class Plan:
    """A request to be: whose, for when, and how much of what."""

    project: Project
    pi: User
    starts_on: date
    ends_on: date
    lines: list[Wanted]
    submitted_at: datetime


def plant_approved(
    size: Size, random: Random, projects: list[Project], resources: list[Resource], decider: User
) -> list[DecisionLine]:
    """As many lines as there are to be allocations, one to four a request."""
    plans: list[Plan] = []
    left = size.allocations
    leaders = _leaders(projects)
    while left:
        project = projects[len(plans) % len(projects)]
        count = min(random.randint(1, len(resources)), left)
        starts_on = clock.today() - timedelta(days=random.randint(0, LONGEST_AGO))
        plans.append(
            Plan(
                project=project,
                pi=leaders[project.pk],
                starts_on=starts_on,
                ends_on=starts_on + timedelta(days=random.randint(89, 364)),
                lines=[
                    Wanted(resource, random.randint(20, 800) * HOUR)
                    for resource in random.sample(resources, count)
                ],
                submitted_at=clock.midnight(starts_on) - timedelta(days=random.randint(1, 9), hours=5),
            )
        )
        left -= count
    version, lines = _write(plans, RequestState.UNDER_REVIEW)
    return _decide(version, lines, plans, decider)


def approve(lines: list[DecisionLine]) -> None:
    """The database asks for the decision and its awards before a request may be approved."""
    requests = list(dict.fromkeys(line.decision.request for line in lines))
    for request in requests:
        request.state = RequestState.APPROVED
    AllocationRequest.objects.bulk_update(requests, ["state", "decided_at"], batch_size=500)


def plant_pending(size: Size, random: Random, projects: list[Project], resources: list[Resource]) -> None:
    """They stand at their decision, which is why every decider sees them."""
    leaders = _leaders(projects)
    starts_on = clock.today() + timedelta(days=10)
    plans = [
        Plan(
            project=project,
            pi=leaders[project.pk],
            starts_on=starts_on,
            ends_on=starts_on + timedelta(days=random.randint(89, 270)),
            lines=[Wanted(random.choice(resources), random.randint(300, 4_000) * HOUR)],
            submitted_at=clock.now() - timedelta(hours=random.randint(1, 60)),
        )
        for project in (projects[number % len(projects)] for number in range(size.pending))
    ]
    version, lines = _write(plans, RequestState.UNDER_REVIEW)
    _steps(version, [line.request for line in lines], decided=False)


def _leaders(projects: list[Project]) -> dict[int, User]:
    rows = ProjectMember.objects.filter(role=ProjectMember.Role.PI, project__in=projects)
    return {row.project_id: row.user for row in rows.select_related("user")}


def _write(plans: list[Plan], state: str) -> tuple[TrackVersion, list[RequestLine]]:
    version = TrackVersion.objects.filter(track__code=TRACK).latest("number")
    requests = AllocationRequest.objects.bulk_create(
        AllocationRequest(
            project=plan.project,
            requested_by=plan.pi,
            state=state,
            round=1,
            track_version=version,
            starts_on=plan.starts_on,
            ends_on=plan.ends_on,
            justification=WHY,
            public_abstract="ILLUSTRATIVE. A sentence for everybody.",
            checkpointing=AllocationRequest.Checkpointing.YES,
            ai_risk=AllocationRequest.Risk.MINIMAL,
            submitted_at=plan.submitted_at,
        )
        for plan in plans
    )
    RunRow.objects.bulk_create(
        RunRow(
            request=request,
            model="A model",
            gpus=4,
            hours=sum(w.gpu_seconds for w in plan.lines) // HOUR // 4 or 1,
        )
        for request, plan in zip(requests, plans, strict=True)
    )
    lines = RequestLine.objects.bulk_create(
        RequestLine(
            request=request, position=position, resource=wanted.resource, gpu_seconds=wanted.gpu_seconds
        )
        for request, plan in zip(requests, plans, strict=True)
        for position, wanted in enumerate(plan.lines)
    )
    return version, lines


def _decide(
    version: TrackVersion, lines: list[RequestLine], plans: list[Plan], decider: User
) -> list[DecisionLine]:
    requests = list(dict.fromkeys(line.request for line in lines))
    for request, plan in zip(requests, plans, strict=True):
        request.decided_at = plan.submitted_at + timedelta(hours=8 + request.pk % 90)
    decisions = Decision.objects.bulk_create(
        Decision(
            request=request,
            round=1,
            decided_by=decider,
            outcome=Decision.Outcome.APPROVED,
            reason_code=Decision.ReasonCode.AS_ASKED,
        )
        for request in requests
    )
    by_request = {decision.request_id: decision for decision in decisions}
    _steps(version, requests, decided=True)
    # Written once: the award comes first, so they are saved with it (`budgets.plant`).
    return [
        DecisionLine(
            decision=by_request[line.request_id],
            line=line,
            resource=line.resource,
            gpu_seconds=line.gpu_seconds or 0,
            starts_on=line.request.starts_on or clock.today(),
            ends_on=line.request.ends_on or clock.today(),
        )
        for line in lines
    ]


def _steps(version: TrackVersion, requests: list[AllocationRequest], *, decided: bool) -> None:
    """All before the decision are passed; that one is, or stands open."""
    *before, last = version.steps.all()
    closed = [(step, StepState.PASSED) for step in before]
    standing = [*closed, (last, StepState.PASSED if decided else StepState.OPEN)]
    RequestStep.objects.bulk_create(
        RequestStep(
            request=request,
            round=1,
            step=step,
            position=step.position,
            kind=step.kind,
            state=state,
            opened_at=request.submitted_at,
            due_at=(request.submitted_at or clock.now()) + timedelta(days=3),
            closed_at=request.decided_at or request.submitted_at if state == StepState.PASSED else None,
        )
        for request in requests
        for step, state in standing
    )
