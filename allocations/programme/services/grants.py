"""What an approval grants, line by line, and how it becomes awards."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q
from django.utils.translation import gettext as _

from allocations.awards.capacity import forecast, most_that_fits
from allocations.awards.models import Award
from allocations.awards.services import award_make, award_withhold
from allocations.programme.checks import require_eligible
from allocations.programme.models import (
    AllocationRequest,
    CallBudget,
    Decision,
    DecisionLine,
    RequestLine,
    SiteConsent,
    WaitingEntry,
)
from allocations.programme.transitions import ConsentState
from datacenters.models import Resource
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, Refused
from portal.foundation.formats import hours


@dataclass(frozen=True)
class Grant:
    """So many GPU-seconds of `resource` for one line, from a day to a day (both included)."""

    line: RequestLine
    resource: Resource
    gpu_seconds: int
    starts_on: date
    ends_on: date

    def line_of(self, decision: Decision, *, award: Award | None, waiting: int = 0) -> DecisionLine:
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
            award=award,
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
    require_eligible(request, [grant.resource for grant in grants])
    refused = _refusing_sites(request)
    for grant in grants:
        _check_one(request, grant, refused)
    asked = request.gpu_seconds
    if sum(grant.gpu_seconds for grant in grants) < asked and not reason.strip():
        raise InvalidInput(
            _("A reason is needed."),
            field="reason",
            remedy=_("Say why it is less than was asked for: the requester reads it."),
        )
    _check_budget(request, grants)
    return grants


def _check_one(request: AllocationRequest, grant: Grant, refused: set[int]) -> None:
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
    if grant.resource.site_id in refused:
        raise InvalidInput(
            _("%(site)s refused this request.") % {"site": grant.resource.site},
            field="resource",
            code="site_refused",
            remedy=_("Place the line elsewhere, or decline it."),
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


def _refusing_sites(request: AllocationRequest) -> set[int]:
    consents = SiteConsent.objects.filter(request=request, round=request.round, state=ConsentState.REFUSED)
    return set(consents.values_list("site_id", flat=True))


def _check_budget(request: AllocationRequest, grants: list[Grant]) -> None:
    """A call's awards stay within its budget of each resource; where it names none, nothing bounds them."""
    if request.call_id is None:
        return
    wanted: dict[int, int] = {}
    for grant in grants:
        wanted[grant.resource.pk] = wanted.get(grant.resource.pk, 0) + grant.gpu_seconds
    # Locked: two decisions of one call mustn't both take its last GPU-hours.
    budgets = CallBudget.objects.select_for_update().filter(call=request.call_id).order_by("pk")
    for budget in budgets:
        granted = granted_within(budget.call_id, budget.resource_id)
        more = wanted.get(budget.resource_id, 0)
        if more and granted + more > budget.gpu_seconds:
            raise Refused(
                _("The call has %(left)s GPU-hours of %(resource)s left.")
                % {"left": hours(budget.gpu_seconds - granted), "resource": budget.resource},
                field="gpu_hours",
                code="over_budget",
                remedy=_("Grant less, or raise the call's budget."),
                figures={"budget": budget.gpu_seconds, "granted": granted},
            )


def granted_within(call_id: int, resource_id: int) -> int:
    """GPU-seconds of a resource that a call's decisions granted: awarded, or waiting to be.

    What was on the waiting list and will never be served doesn't count.
    """
    lines = DecisionLine.objects.filter(
        Q(award__isnull=False) | Q(waiting_gpu_seconds__gt=0),
        decision__request__call=call_id,
        resource=resource_id,
    ).select_related("waiting")
    return sum(line.gpu_seconds - _given_up(line) for line in lines)


def _given_up(line: DecisionLine) -> int:
    entry = getattr(line, "waiting", None)
    over = {WaitingEntry.State.WITHDRAWN, WaitingEntry.State.LAPSED}
    return entry.rest if entry is not None and entry.state in over else 0


def grant_award(decision: Decision, grant: Grant, *, wait: bool) -> DecisionLine:
    """Make the award. With `wait` only what is free is awarded now, and the line says what waits."""
    now = grant.gpu_seconds
    if wait:
        figures = forecast(
            resource=grant.resource,
            gpu_seconds=grant.gpu_seconds,
            starts_on=grant.starts_on,
            ends_on=grant.ends_on,
        )
        now = min(now, most_that_fits(figures, starts_on=grant.starts_on, ends_on=grant.ends_on))
    award = None
    if now:
        award = award_make(
            actor=decision.decided_by,
            project=decision.request.project,
            resource=grant.resource,
            gpu_seconds=now,
            starts_on=grant.starts_on,
            ends_on=grant.ends_on,
            by_quarter=grant.by_quarter if now == grant.gpu_seconds else {},
            reason=decision.reason,
            override_reason=decision.override_reason,
        )
        version = decision.request.track_version
        if version is not None and version.first_instalment_percent < 100:
            award_withhold(award=award, first_percent=version.first_instalment_percent)
    return grant.line_of(decision, award=award, waiting=grant.gpu_seconds - now)
