"""Pages of jobs."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext_lazy as _

from allocations.ledger.policies import may_see
from portal.foundation.policies import allowed
from portal.foundation.web import DetailPage, ListPage
from scheduler_bridge.jobs import selectors
from scheduler_bridge.jobs.filtersets import JobFilters
from scheduler_bridge.jobs.reasons import explain
from scheduler_bridge.jobs.story import accruing, next_step, timeline
from scheduler_bridge.jobs.web.fields import gigabytes_shown
from scheduler_bridge.jobs.web.forms import ignored_lines
from scheduler_bridge.models import Job
from scheduler_bridge.transitions import JobState


class Live:
    """A page of which htmx fetches a part again while something on it may change.

    The same address answers a part to htmx and the whole to everybody else; to htmx, whose session has
    ended, it says that the page must be loaded anew.
    """

    request: Any
    # The id of the element that is fetched → its template; "" for any other.
    parts: dict[str, str]

    def get_template_names(self) -> list[str]:
        if self.request.htmx:
            return [self.parts.get(self.request.htmx.target or "", self.parts[""])]
        return super().get_template_names()  # type: ignore[misc,no-any-return]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        patch_vary_headers(response, ["HX-Request"])
        return response

    def handle_no_permission(self) -> Any:
        if self.request.htmx:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return super().handle_no_permission()  # type: ignore[misc]


class JobList(Live, ListPage):
    title = _("Jobs")
    template_name = "jobs/job_list.html"
    parts = {"": "jobs/_panel.html", "jobs": "jobs/_table.html"}
    selector = selectors.listed
    filterset_class = JobFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        return page | {
            "live": any(not job.has_ended for job in page["page_obj"]),
            "may_submit": selectors.usable_by(self.request.user).exists(),
            **_on_allocation(self.request.GET.get("allocation", "")),
        }


def _on_allocation(code: str) -> dict[str, str]:
    return {
        "allocation_code": code,
        "allocation_query": f"?{urlencode({'allocation': code})}" if code else "",
    }


class JobPage(Live, DetailPage):
    template_name = "jobs/job_detail.html"
    parts = {"": "jobs/_live.html"}
    selector = selectors.detailed

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        job: Job = page["object"]
        viewer = self.request.user
        reads_script = allowed(viewer, "bridge.read_script", job)
        return page | {
            "next_step": next_step(job),
            "reason": None if job.state == JobState.COMPLETED else explain(job.reason),
            "timeline": timeline(job),
            "accruing": accruing(job),
            "runs": list(job.runs.all()),
            "output": output_files(job),
            "memory": gigabytes_shown(job.memory_mb),
            "wall_seconds": job.wall_minutes * 60,
            "may_cancel": may_be_cancelled(job) and allowed(viewer, "bridge.cancel_job", job),
            "reads_script": reads_script,
            "ignored_lines": ignored_lines(job.script) if reads_script else [],
            "sees_project": reads_script or allowed(viewer, "projects.view", job.allocation.project),
            "sees_ledger": reads_script or may_see(viewer, job.allocation.code),
        }


def may_be_cancelled(job: Job) -> bool:
    return not job.has_ended and job.cancel_requested_at is None


def output_files(job: Job) -> list[str]:
    """Where the job's output and errors are written, at the site."""
    return [f"{job.output}.{kind}" for kind in ("out", "err")]
