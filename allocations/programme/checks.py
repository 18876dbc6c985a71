"""What stands between a request and its submission, and what its writer should know all the same."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from allocations.awards.capacity import forecast
from allocations.programme.models import AllocationRequest, RequestLine, TrackVersion
from allocations.programme.tracks import track_for
from datacenters.models import DataClass, Resource
from portal.foundation import clock
from portal.foundation.errors import InvalidInput
from portal.foundation.formats import hours
from portal.people.models import Organisation

CLASSROOM = "classroom"


@dataclass(frozen=True)
class Problem:
    """Why a request can't be submitted yet. `about` has the page where to mend it, if not the form."""

    field: str
    message: str
    remedy: str = ""
    code: str = "invalid"
    about: Any = None


# Rooms above add what they know of: a function of a request that yields problems.
Obstacles = Callable[[AllocationRequest], Iterable[Problem]]
_obstacles: list[Obstacles] = []


def obstacle(finds: Obstacles) -> Obstacles:
    """Register what else may keep a request from being submitted (decorator)."""
    _obstacles.append(finds)
    return finds


def problems(request: AllocationRequest) -> list[Problem]:
    """Everything that must be put right before `request` can be submitted, in the order of the form."""
    found = [
        *_of_project(request),
        *_of_lines(request),
        *_of_period(request),
        *_of_text(request),
        *_of_declarations(request),
    ]
    for finds in _obstacles:
        found += finds(request)
    return found or [*_of_track(request)]


def require_complete(request: AllocationRequest) -> None:
    """Raises InvalidInput for the first problem, all of them among its figures."""
    if found := problems(request):
        first = found[0]
        raise InvalidInput(
            first.message,
            field=first.field,
            remedy=first.remedy,
            code=first.code,
            figures={"problems": [_plain(problem) for problem in found]} if found[1:] else None,
        )


def require_placeable(request: AllocationRequest, resources: Iterable[Resource]) -> None:
    """Raises InvalidInput where the project's data may not be at a site (checked again when approving)."""
    for resource in resources:
        for problem in _of_data(request, resource):
            raise InvalidInput(problem.message, field=problem.field, remedy=problem.remedy, code=problem.code)


def require_eligible(request: AllocationRequest, resources: Iterable[Resource]) -> None:
    """Raises InvalidInput where what held at submission holds no more: the project, or a resource."""
    for problem in _of_project(request):
        raise InvalidInput(problem.message, remedy=problem.remedy, code=problem.code)
    for resource in resources:
        if not (resource.is_open and resource.site.is_open):
            raise InvalidInput(
                _("%(resource)s takes no requests at present.") % {"resource": resource},
                field="resource",
                remedy=_("Choose another resource."),
                code="resource_closed",
            )


def warnings(request: AllocationRequest) -> list[str]:
    """What won't keep a request from being submitted, but makes an approval in full unlikely."""
    found: list[str] = []
    for line in request.lines.all():
        if not (line.resource and line.gpu_seconds and request.starts_on and request.ends_on):
            continue
        if request.ends_on < request.starts_on:
            continue
        days = (request.ends_on - request.starts_on).days + 1
        most = line.resource.gpu_count * days * 86_400
        if line.gpu_seconds > most:
            found.append(
                _("All GPUs of %(resource)s together come to %(most)s GPU-hours in this period.")
                % {"resource": line.resource, "most": hours(most)}
            )
        found += [
            _("%(quarter)s: this asks for %(wanted)s GPU-hours of %(resource)s, of which %(free)s are free.")
            % {
                "quarter": figures.quarter,
                "wanted": hours(figures.portion),
                "resource": line.resource,
                "free": hours(figures.free),
            }
            for figures in forecast(
                resource=line.resource,
                gpu_seconds=line.gpu_seconds,
                starts_on=request.starts_on,
                ends_on=request.ends_on,
            )
            if figures.after < 0
        ]
    return found


def _of_project(request: AllocationRequest) -> Iterator[Problem]:
    project = request.project
    if project.archived_at:
        yield Problem("project", _("The project is archived."), _("Choose another project."))
    yield from _of_organisation(project.organisation)
    if project.data_class == DataClass.SECRET:
        yield Problem(
            "project",
            _("Secret data may not be at any site."),
            _("Take it out of the project, then change the project's data class."),
            code="data_class",
            about=project,
        )


def _of_lines(request: AllocationRequest) -> Iterator[Problem]:
    lines = list(request.lines.all())
    for line in lines or [RequestLine()]:
        yield from _of_line(request, line)


def _of_organisation(organisation: Organisation) -> Iterator[Problem]:
    if organisation.is_verified:
        return
    lapsed = organisation.lapsed_on
    yield Problem(
        "project",
        _("The verification of %(organisation)s lapsed on %(day)s.")
        % {"organisation": organisation, "day": date_format(lapsed, "j M Y")}
        if lapsed
        else _("%(organisation)s isn't verified.") % {"organisation": organisation},
        _("One of its owners renews it from the organisation's page.")
        if lapsed
        else _("One of its owners sends its registration and evidence from the organisation's page."),
        code="organisation_unverified",
        about=organisation,
    )


def _of_line(request: AllocationRequest, line: RequestLine) -> Iterator[Problem]:
    if line.any_suitable:
        pass
    elif line.resource is None:
        yield Problem("resource", _("No resource is chosen."), _("Choose where to compute."))
    elif not (line.resource.is_open and line.resource.site.is_open):
        yield Problem(
            "resource",
            _("%(resource)s takes no requests at present.") % {"resource": line.resource},
            _("Choose another resource."),
            code="resource_closed",
        )
    else:
        yield from _of_data(request, line.resource)
    if line.by_quarter and sum(line.by_quarter.values()) != line.gpu_seconds:
        yield Problem(
            "by_quarter",
            _("%(where)s: the quarters don't add up to the line.") % {"where": line.where},
            _("Change them, or leave them empty for an even use."),
        )
    if line.gpu_seconds is None:
        yield Problem("gpu_hours", _("The GPU-hours are missing."), _("Say how many GPU-hours you need."))


def _of_data(request: AllocationRequest, resource: Resource) -> Iterator[Problem]:
    data_class = request.project.data_class
    if data_class == DataClass.SECRET or resource.site.holds(data_class):
        return
    yield Problem(
        "resource",
        _("%(site)s isn't accredited for data of the class “%(data_class)s”.")
        % {"site": resource.site, "data_class": request.project.get_data_class_display()},
        _("Choose a site that is."),
        code="data_class",
    )


def _of_period(request: AllocationRequest) -> Iterator[Problem]:
    starts_on, ends_on = request.starts_on, request.ends_on
    if starts_on is None:
        yield Problem("starts_on", _("The first day is missing."), _("Say from when you need the GPUs."))
    elif starts_on < clock.today():
        yield Problem("starts_on", _("The first day is over."), _("Choose today or a later day."))
    if ends_on is None:
        yield Problem("ends_on", _("The last day is missing."), _("Say until when you need the GPUs."))
    elif ends_on < clock.today():
        yield Problem("ends_on", _("The last day is over."), _("Choose a later day."))
    elif starts_on is not None and ends_on >= longest_until(starts_on):
        yield Problem(
            "ends_on", _("The period is longer than a year."), _("Ask again for what lies beyond it.")
        )


def _of_text(request: AllocationRequest) -> Iterator[Problem]:
    if not request.justification.strip():
        yield Problem(
            "justification",
            _("The justification is missing."),
            _("Say what you will run and how the GPU-hours come about."),
        )


def _of_declarations(request: AllocationRequest) -> Iterator[Problem]:
    if request.abstract_withheld and not request.withheld_reason.strip():
        yield Problem(
            "withheld_reason",
            _("The abstract is kept out of the register without a reason."),
            _("Say why, or let it be published."),
        )
    if not request.ai_risk:
        yield Problem(
            "ai_risk", _("The risk of what is built isn't declared."), _("Choose what it comes closest to.")
        )
    elif request.is_high_risk and not request.ai_risk_note.strip():
        yield Problem(
            "ai_risk_note",
            _("A high risk is declared, but not how it is met."),
            _("Say who checks results and how people may object."),
        )


def _of_track(request: AllocationRequest) -> Iterator[Problem]:
    version = track_for(request)
    if version is None:
        yield Problem(
            "gpu_hours",
            _("No track takes a request of this size from this organisation."),
            _("Ask for less, choose another track, or write to the programme."),
            code="no_track",
        )
    elif version.needs_call and request.call is None:
        yield Problem(
            "call",
            _("The track “%(track)s” takes requests within an open call only.") % {"track": version.track},
            _("Choose an open call, or ask for less."),
            code="no_call",
        )
    elif request.call and not request.call.is_open and not request.round:
        # What was handed in before the cut-off may be answered for after it.
        yield Problem(
            "call",
            _("The call “%(call)s” takes no requests now.") % {"call": request.call},
            _("Choose an open call, or none."),
            code="call_closed",
        )
    elif version.track.code == CLASSROOM and getattr(request.project, "classroom", None) is None:
        yield Problem(
            "project",
            _("A classroom's GPU-hours are asked for a project with a course."),
            _("Open a course on the project's page first."),
            code="no_classroom",
            about=request.project,
        )
    if version is not None:
        yield from _of_runs(request, version)


def _of_runs(request: AllocationRequest, version: TrackVersion) -> Iterator[Problem]:
    """What bounds the GPUs at once has to know how many those are."""
    if version.max_gpus is not None and not request.runs.all():
        yield Problem(
            "runs",
            _("The run table is empty, and “%(track)s” takes at most %(most)s GPUs at once.")
            % {"track": version.track, "most": version.max_gpus},
            _("Add a row: how many GPUs a run takes, for how many hours, and how many runs."),
            code="no_runs",
        )


def longest_until(starts_on: date) -> date:
    """The first day on which a period that began on `starts_on` is more than a year long."""
    try:
        return starts_on.replace(year=starts_on.year + 1)
    except ValueError:  # 29 February
        return date(starts_on.year + 1, 3, 1)


def _plain(problem: Problem) -> dict[str, str]:
    return {"field": problem.field, "code": problem.code, "detail": problem.message, "remedy": problem.remedy}
