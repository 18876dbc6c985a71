"""What an award would do to others: shares against their floors and caps, the weeks ahead, who waits."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from allocations.awards.capacity import portions
from allocations.awards.quotas.selectors import commitments_by_week, shares
from allocations.awards.selectors import others_of, with_balances
from allocations.programme import selectors
from allocations.programme.models import AllocationRequest, RequestLine, WaitingEntry
from portal.foundation import clock
from portal.foundation.clock import quarters_between
from portal.foundation.policies import require
from portal.foundation.web import DetailPage

SHOWN = 20
WEEKS = 26


class RequestImpact(DetailPage):
    """A page of its own, and a panel of the decision's for htmx."""

    template_name = "programme/request_impact.html"
    selector = selectors.detailed

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.object = self.find()
        require(request.user, "programme.decide_request", self.object)
        page = {"object": self.object, "title": _("What it does to others"), **self._figures()}
        is_panel = request.headers.get("HX-Request") == "true"
        return render(request, "programme/_impact.html" if is_panel else self.template_name, page)

    def _figures(self) -> dict[str, Any]:
        request: AllocationRequest = self.object
        lines = [line for line in request.lines.all() if line.target]
        resources = {line.target for line in lines if line.target}
        others = list(others_of(request.project)[: SHOWN + 1])
        waiting = WaitingEntry.objects.filter(state="waiting", resource__in=resources)
        return {
            "shares": [(line, self._shares(line)) for line in lines],
            "weeks": [(resource, _charted(resource)) for resource in sorted(resources, key=lambda r: r.pk)],
            "waiting": waiting.select_related(
                "resource", "decision_line__decision__request__project__organisation"
            )[:SHOWN],
            "others": with_balances(others[:SHOWN]),
            "more_others": len(others) > SHOWN,
        }

    def _shares(self, line: RequestLine) -> list[Any]:
        request: AllocationRequest = self.object
        starts_on = max(request.starts_on or clock.today(), clock.today())
        ends_on = request.ends_on or starts_on
        if ends_on < starts_on:
            return []
        wanted = portions(
            gpu_seconds=line.gpu_seconds or 0,
            starts_on=starts_on,
            ends_on=ends_on,
            by_quarter=line.by_quarter,
        )
        return shares(
            resource=line.target,
            quarters=quarters_between(starts_on, ends_on),
            project=request.project,
            portions=wanted,
        )


def _charted(resource: Any) -> list[dict[str, Any]]:
    """Weeks with their share of what there is, in percent, for a bar of CSS-free SVG."""
    return [
        {
            "week": week,
            "percent": min(round(100 * week.committed / week.capacity), 100) if week.capacity else 0,
        }
        for week in commitments_by_week(resource, WEEKS)
    ]
