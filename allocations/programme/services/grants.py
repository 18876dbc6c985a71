"""What an approval grants, line by line, and how it becomes awards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from django.utils.translation import gettext as _

from allocations.awards.capacity import part_that_fits, portions
from allocations.awards.models import Award
from allocations.awards.services import award_make
from allocations.programme.models import AllocationRequest, Decision, DecisionLine, RequestLine
from allocations.programme.services.awarding import keep_back, require_budget, require_grantable
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.clock import Quarter
from portal.foundation.errors import InvalidInput
from portal.foundation.formats import hours


@dataclass(frozen=True)
class Grant:
    """So many GPU-seconds of `resource` for one line, from a day to a day (both included)."""

    line: RequestLine
    resource: Resource
    gpu_seconds: int
    starts_on: date
    ends_on: date

    def line_of(self, decision: Decision, *, waiting: int = 0) -> DecisionLine:
        """The row that keeps it; not saved yet."""
        return DecisionLine(
            decision=decision,
            line=self.line,
            resource=self.resource,
            gpu_seconds=self.gpu_seconds,
            waiting_gpu_seconds=waiting,
            by_quarter=self.by_quarter,
            starts_on=self.starts_on,
            ends_on=self.ends_on,
        )

    @property
    def by_quarter(self) -> dict[str, int]:
        """As the line asked, where it is granted in full; else evenly over the period."""
        return self.line.by_quarter if self.gpu_seconds == self.line.gpu_seconds else {}


def proposed(request: AllocationRequest, gpu_seconds: int | None) -> list[Grant]:
    """All lines as they were asked for, or `gpu_seconds` for the only one.

    Raises InvalidInput where one amount is given for several lines, or a line has no place yet.
    """
    lines = list(request.lines.all())
    if gpu_seconds is not None and len(lines) > 1:
        raise InvalidInput(
            _("The request has several lines."), field="gpu_hours", remedy=_("Say how much of each.")
        )
    # A submitted request is complete: the form's checks and the table's see to it.
    assert request.starts_on and request.ends_on  # noqa: S101, PT018
    grants = []
    for line in lines:
        if line.target is None:
            raise InvalidInput(
                _("No resource is chosen for a line."), field="resource", remedy=_("Choose where it goes.")
            )
        grants.append(
            Grant(
                line=line,
                resource=line.target,
                gpu_seconds=gpu_seconds if gpu_seconds is not None else line.gpu_seconds or 0,
                starts_on=max(request.starts_on, clock.today()),
                ends_on=request.ends_on,
            )
        )
    return grants


def checked(request: AllocationRequest, grants: list[Grant], reason: str) -> list[Grant]:
    """The grants, once they are possible. Raises InvalidInput; Refused (`over_budget`) beyond a call's."""
    if not grants:
        raise InvalidInput(
            _("Nothing is granted."), field="gpu_hours", remedy=_("Grant a line, or decline the request.")
        )
    assert request.ends_on  # noqa: S101
    if request.ends_on < clock.today():
        raise InvalidInput(_("The asked period is over."), remedy=_("Return the request for new dates."))
    _require_distinct(grants)
    for grant in grants:
        _check_one(request, grant)
    require_grantable(request, [grant.resource for grant in grants])
    asked = request.gpu_seconds
    if sum(grant.gpu_seconds for grant in grants) < asked and not reason.strip():
        raise InvalidInput(
            _("A reason is needed."),
            field="reason",
            remedy=_("Say why it is less than was asked for: the requester reads it."),
        )
    wanted: dict[Resource, int] = {}
    for grant in grants:
        wanted[grant.resource] = wanted.get(grant.resource, 0) + grant.gpu_seconds
    require_budget(request, wanted)
    return grants


def _require_distinct(grants: list[Grant]) -> None:
    if len({grant.line.pk for grant in grants}) < len(grants):
        raise InvalidInput(
            _("A line is granted twice."),
            field="lines",
            remedy=_("Name each line once, with all of its part."),
        )


def _check_one(request: AllocationRequest, grant: Grant) -> None:
    asked = grant.line.gpu_seconds or 0
    if not 0 < grant.gpu_seconds <= asked:
        raise InvalidInput(
            _("The request asks for %(asked)s GPU-hours: more than that, or nothing, can't be approved.")
            % {"asked": hours(asked)},
            field="gpu_hours",
            figures={"asked": asked, "wanted": grant.gpu_seconds},
        )
    moved = grant.line.resource_id is not None and grant.line.resource_id != grant.resource.pk
    if moved and not request.flexible:
        raise InvalidInput(
            _("This request asks for %(resource)s and nowhere else.") % {"resource": grant.line.resource},
            field="resource",
            remedy=_("Keep its resource, or return the request and ask whether another would do."),
        )
    if grant.ends_on < grant.starts_on or grant.starts_on < clock.today():
        raise InvalidInput(
            _("The period can't be granted."),
            field="starts_on",
            remedy=_("Begin today or later, and end after that."),
        )
    assert request.ends_on  # noqa: S101
    if grant.ends_on > request.ends_on:
        raise InvalidInput(
            _("The request ends on %(day)s.") % {"day": request.ends_on},
            field="ends_on",
            remedy=_("Grant no longer than was asked for."),
        )


def as_quarters(spread: Mapping[Quarter, int]) -> dict[str, int]:
    """As rows keep it: quarter's name → GPU-seconds."""
    return {str(quarter): part for quarter, part in spread.items()}


@dataclass(frozen=True)
class Granted:
    """What became of a grant: its line, not saved yet, the award made now, and what waits by quarter."""

    line: DecisionLine
    award: Award | None = None
    waiting: dict[str, int] = field(default_factory=dict)


def grant_award(decision: Decision, grant: Grant, *, wait: bool) -> Granted:
    """Make the award. With `wait` only what is free is awarded now, and the line says what waits."""
    asked = portions(
        gpu_seconds=grant.gpu_seconds,
        starts_on=grant.starts_on,
        ends_on=grant.ends_on,
        by_quarter=grant.by_quarter,
    )
    spread = asked
    if wait:
        spread = part_that_fits(
            resource=grant.resource,
            gpu_seconds=grant.gpu_seconds,
            starts_on=grant.starts_on,
            ends_on=grant.ends_on,
            by_quarter=grant.by_quarter,
        )
    now = sum(spread.values())
    award = None
    if now:
        award = award_make(
            actor=decision.decided_by,
            project=decision.request.project,
            resource=grant.resource,
            gpu_seconds=now,
            starts_on=grant.starts_on,
            ends_on=grant.ends_on,
            by_quarter=as_quarters(spread),
            reason=decision.reason,
            override_reason=decision.override_reason,
        )
        keep_back(award, decision.request.track_version)
    rest = {quarter: part - spread.get(quarter, 0) for quarter, part in asked.items()}
    return Granted(
        grant.line_of(decision, waiting=grant.gpu_seconds - now),
        award,
        as_quarters({quarter: part for quarter, part in rest.items() if part}) if grant.by_quarter else {},
    )
