"""Writing a request: a draft that grows until it is handed in. Amounts are GPU-seconds, days Pakistan's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from allocations.programme.models import AllocationRequest, Call, RequestLine, RunRow, Track
from allocations.programme.policies import EDITABLE
from allocations.programme.services._gate import locked
from allocations.projects.models import Project
from datacenters.models import Resource
from portal.foundation.clock import Quarter
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.people.models import User

MOST_LINES = 20
MOST_RUNS = 50
FACTS = (
    "project",
    "wanted_track",
    "call",
    "renews",
    "starts_on",
    "ends_on",
    "justification",
    "public_abstract",
    "abstract_withheld",
    "withheld_reason",
    "checkpointing",
    "deadline_on",
    "deadline_note",
    "flexible",
    "prior_usage",
    "ai_risk",
    "ai_risk_note",
)


@dataclass(frozen=True)
class Line:
    """What is asked for somewhere: of one resource, or of any suitable one; a draft may lack either."""

    resource: Resource | None = None
    any_suitable: bool = False
    gpu_seconds: int | None = None
    by_quarter: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A row of the run table: GPUs × hours × runs."""

    model: str
    gpus: int
    hours: Decimal
    runs: int = 1
    basis: str = ""


class Content(TypedDict, total=False):
    """What a request says. `resource` and `gpu_seconds` are its first line in short."""

    wanted_track: Track | None
    call: Call | None
    renews: Allocation | None
    starts_on: date | None
    ends_on: date | None
    justification: str
    public_abstract: str
    abstract_withheld: bool
    withheld_reason: str
    checkpointing: str
    deadline_on: date | None
    deadline_note: str
    flexible: bool
    prior_usage: str
    ai_risk: str
    ai_risk_note: str
    lines: Sequence[Line]
    runs: Sequence[Run]
    resource: Resource | None
    gpu_seconds: int | None


class Changes(Content, total=False):
    project: Project


@transaction.atomic
def request_create(*, actor: User, project: Project, **content: Unpack[Content]) -> AllocationRequest:
    """Begin a draft; all but the project may come later.

    Raises NotAllowed unless `actor` leads the project, InvalidInput for what can never be right.
    """
    require(actor, "programme.add_request", project, message=only_leads())
    request = AllocationRequest(project=project, requested_by=actor)
    lines, runs, facts = _parted(content)
    _write(request, facts)
    _check(request, lines or [], runs or [])
    request.save()
    _replace_lines(request, lines or [Line()])
    _replace_runs(request, runs or [])
    audit.record(actor=actor, action="request_create", target=request, after=snapshot(request))
    return request


@transaction.atomic
def request_update(
    *, actor: User, request: AllocationRequest, **changes: Unpack[Changes]
) -> AllocationRequest:
    """Rewrite a draft or a returned request; what isn't given stays.

    Refuses as `request_create`; IllegalState once submitted.
    """
    request = writable(actor, request)
    project = changes.get("project", request.project)
    if project != request.project:
        require(actor, "programme.add_request", project, message=only_leads())
    lines, runs, facts = _parted(changes, request)
    before = snapshot(request)
    _write(request, facts)
    _check(request, lines or [], runs or [])
    request.store(*FACTS)
    if lines is not None:
        _replace_lines(request, lines or [Line()])
    if runs is not None:
        _replace_runs(request, runs)
    _audit_change(actor, request, before)
    return request


def writable(actor: User, request: AllocationRequest) -> AllocationRequest:
    """The request, locked, once it is sure that `actor` may write it. Raises NotAllowed, IllegalState."""
    request = locked(request)
    require(actor, "programme.write_request", request, message=only_leads())
    if request.state not in EDITABLE:
        raise IllegalState(
            _("A request that is “%(state)s” can't be changed.") % {"state": request.get_state_display()},
            remedy=_("Withdraw it and write a new one, or ask for it to be returned."),
        )
    return request


def snapshot(request: AllocationRequest) -> dict[str, Any]:
    """The request's words, lines and runs, for the audit. The usual single line stands as it is."""
    found = {name: value for name, value in request.snapshot(*FACTS).items() if value not in ("", None)}
    lines = [
        {**line.snapshot("resource", "any_suitable", "gpu_seconds"), "by_quarter": line.by_quarter}
        for line in request.lines.select_related("resource")
    ]
    if len(lines) == 1 and not lines[0]["any_suitable"] and not lines[0]["by_quarter"]:
        found |= {name: lines[0][name] for name in ("resource", "gpu_seconds")}
    else:
        found["lines"] = lines
    if runs := [run.snapshot("model", "gpus", "hours", "runs", "basis") for run in request.runs.all()]:
        found["runs"] = runs
    return found


def lines_of(request: AllocationRequest) -> list[Line]:
    """The request's lines as `request_update` takes them."""
    return [
        Line(line.resource, line.any_suitable, line.gpu_seconds, line.by_quarter)
        for line in request.lines.all()
    ]


def runs_of(request: AllocationRequest) -> list[Run]:
    """The request's run table as `request_update` takes it."""
    return [Run(row.model, row.gpus, row.hours, row.runs, row.basis) for row in request.runs.all()]


def only_leads() -> str:
    return _("Only a project's principal investigator and managers write its requests.")


def _parted(
    content: Content | Changes, request: AllocationRequest | None = None
) -> tuple[Sequence[Line] | None, Sequence[Run] | None, dict[str, Any]]:
    """Lines, runs and facts of what was given; None for lines or runs that weren't."""
    given: dict[str, Any] = dict(content)
    lines, runs = given.pop("lines", None), given.pop("runs", None)
    if given.keys() & {"resource", "gpu_seconds"}:
        first = request.lines.first() if request else None
        lines = [
            Line(
                resource=given.pop("resource", first.resource if first else None),
                gpu_seconds=given.pop("gpu_seconds", first.gpu_seconds if first else None),
            )
        ]
    return lines, runs, given


def _write(request: AllocationRequest, facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        setattr(request, name, value)


def _check(request: AllocationRequest, lines: Sequence[Line], runs: Sequence[Run]) -> None:
    """What can never be right, not even in a draft. Raises InvalidInput."""
    if request.starts_on and request.ends_on and request.ends_on < request.starts_on:
        raise InvalidInput(
            _("The period ends before it begins."), field="ends_on", remedy=_("Choose a later last day.")
        )
    if request.renews and request.renews.project_id != request.project_id:
        raise InvalidInput(
            _("This allocation belongs to another project."),
            field="renews",
            remedy=_("Choose one of this project's."),
        )
    if len(lines) > MOST_LINES or len(runs) > MOST_RUNS:
        raise InvalidInput(
            _("At most %(lines)s lines and %(runs)s kinds of runs are taken.")
            % {"lines": MOST_LINES, "runs": MOST_RUNS},
            field="lines",
            remedy=_("Put some of them together."),
        )
    named = [line.resource for line in lines if line.resource]
    if len(named) != len(set(named)):
        raise InvalidInput(
            _("A resource stands in two lines."), field="lines", remedy=_("Put them into one line.")
        )
    for line in lines:
        _check_line(line)
    for run in runs:
        if not run.model.strip() or run.gpus <= 0 or run.hours <= 0 or run.runs <= 0:
            raise InvalidInput(
                _("A run needs a name, GPUs, hours and runs."),
                field="runs",
                remedy=_("Fill the row in, or take it away."),
            )


def _check_line(line: Line) -> None:
    if line.gpu_seconds is not None and line.gpu_seconds <= 0:
        raise InvalidInput(
            _("The GPU-hours must be more than nothing."),
            field="gpu_hours",
            remedy=_("Ask for at least 0.01."),
        )
    for quarter, amount in line.by_quarter.items():
        try:
            Quarter.parse(quarter)
        except ValueError as error:
            raise InvalidInput(
                _("“%(quarter)s” is no quarter.") % {"quarter": quarter},
                field="by_quarter",
                remedy=_("Write it as in 2027Q1."),
            ) from error
        if amount < 0:
            raise InvalidInput(_("A quarter's GPU-hours can't be negative."), field="by_quarter")


def _replace_lines(request: AllocationRequest, lines: Sequence[Line]) -> None:
    """Make the request's lines these, in this order; a line that stays in its place keeps its row."""
    rows = list(request.lines.all())
    _remove(rows[len(lines) :])
    # Two lines may swap resources: neither may hold the other's on the way.
    request.lines.update(resource=None, any_suitable=False)
    for position, line in enumerate(lines):
        row = rows[position] if position < len(rows) else RequestLine(request=request)
        row.position, row.resource, row.any_suitable = position, line.resource, line.any_suitable
        row.gpu_seconds, row.by_quarter, row.placed = line.gpu_seconds, _quarters(line), None
        row.save()
    _forget(request, "lines")


def _replace_runs(request: AllocationRequest, runs: Sequence[Run]) -> None:
    request.runs.all().delete()
    RunRow.objects.bulk_create(
        RunRow(
            request=request,
            position=position,
            model=run.model.strip(),
            gpus=run.gpus,
            hours=run.hours,
            runs=run.runs,
            basis=run.basis.strip(),
        )
        for position, run in enumerate(runs)
    )
    _forget(request, "runs")


def _quarters(line: Line) -> dict[str, int]:
    return {quarter: amount for quarter, amount in line.by_quarter.items() if amount}


def _remove(rows: Iterable[RequestLine]) -> None:
    for row in rows:
        try:
            row.delete()
        except ProtectedError as error:
            raise Refused(
                _("A line that somebody decided about can't be taken away."),
                field="lines",
                remedy=_("Change its GPU-hours instead."),
            ) from error


def _forget(request: AllocationRequest, relation: str) -> None:
    """What was read ahead of this relation is no longer true."""
    getattr(request, "_prefetched_objects_cache", {}).pop(relation, None)


def _audit_change(actor: User, request: AllocationRequest, before: dict[str, Any]) -> None:
    after = snapshot(request)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if changed:
        audit.record(
            actor=actor,
            action="request_update",
            target=request,
            before={name: before.get(name) for name in changed},
            after={name: after.get(name) for name in changed},
        )
