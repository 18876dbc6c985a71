"""The first page: for visitors, what this is; for everybody else, what needs them today."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from allocations.awards.selectors import visible_to as visible_allocations
from allocations.awards.selectors import with_balances
from allocations.awards.transitions import AllocationState
from allocations.lifecycle.selectors import reports_to_write
from allocations.programme.selectors import pending_for
from allocations.programme.selectors import visible_to as visible_requests
from allocations.programme.transitions import RequestState
from allocations.projects.selectors import open_invitations_to
from allocations.reviews.selectors import own_open as open_reviews
from datacenters.selectors import sites_managed_by, sites_visible_to
from datacenters.web.views import health_of
from portal.foundation.policies import allowed
from portal.people.models import User, Verification
from portal.people.services.recognition import join_offer
from scheduler_bridge.models import Job
from scheduler_bridge.selectors import visible_to as visible_jobs
from scheduler_bridge.transitions import ON_CLUSTER, JobState

SHOWN = 5
OPEN_REQUESTS = (RequestState.DRAFT, RequestState.RETURNED, RequestState.SUBMITTED, RequestState.UNDER_REVIEW)


def home(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return render(request, "web/welcome.html", {"sites": sites_visible_to(request.user)})
    return render(request, "web/home.html", dashboard(request.user))


def dashboard(user: User) -> dict[str, Any]:
    """What the person's own work and duties come to, in a handful of queries."""
    allocations = with_balances(
        visible_allocations(user)
        .filter(state__in=[AllocationState.ACTIVE, AllocationState.PROVISIONING, AllocationState.SUSPENDED])
        .filter(project__members__user=user)[:SHOWN]
    )
    requests = list(
        visible_requests(user)
        .filter(requested_by=user, state__in=OPEN_REQUESTS)
        .prefetch_related(None)
        .order_by("-updated_at")[:SHOWN]
    )
    sites = [(site, health_of(site)) for site in sites_managed_by(user).select_related("cluster")]
    decides = allowed(user, "programme.decide_requests")
    # Whoever only serves the programme needs no way to GPU-hours of their own.
    asks = user.memberships.exists() or not (sites or decides or allowed(user, "people.verify"))
    return {
        "sites": sites,
        "decides": decides,
        "allocations": allocations,
        "requests": requests,
        "jobs": _jobs(user) if allocations else [],
        "reviews": list(open_reviews(user)[:SHOWN]) if allowed(user, "reviews.review") else [],
        "waiting": list(pending_for(user)[:SHOWN]),
        "owed": list(reports_to_write(user)[:SHOWN]),
        "invitations": list(open_invitations_to(user)[:SHOWN]),
        "offer": join_offer(user) if asks and not user.organisation_ids else None,
        "steps": [] if allocations or not asks else first_steps(user, has_requests=bool(requests)),
    }


def _jobs(user: User) -> list[Job]:
    """The person's latest jobs, open ones first."""
    jobs = visible_jobs(user).filter(submitted_by=user)
    open_jobs = list(jobs.filter(state__in=[JobState.APPROVED, *ON_CLUSTER])[:SHOWN])
    if len(open_jobs) < SHOWN:
        ended = jobs.exclude(pk__in=[job.pk for job in open_jobs])
        open_jobs += ended[: SHOWN - len(open_jobs)]
    return open_jobs


def first_steps(user: User, *, has_requests: bool) -> list[dict[str, Any]]:
    """The way from signing up to the first job; each step says whether it is done and where to do it."""
    memberships = list(user.memberships.select_related("organisation").order_by("pk"))
    organisation = memberships[0].organisation if memberships else None
    verifications = list(organisation.verifications.all()) if organisation else []
    verified = any(verification.is_in_force for verification in verifications)
    waiting = any(verification.state == Verification.State.PENDING for verification in verifications)
    has_project = user.project_roles.exists()
    return [
        {
            "title": _("Say for which organisation you work"),
            "done": organisation is not None,
            "href": reverse("organisations"),
        },
        {
            "title": _("Have it verified"),
            "note": _("Handed in; a verifier will look at it.") if waiting else "",
            "done": verified,
            "href": organisation.get_absolute_url() if organisation else "",
        },
        {"title": _("Describe your project"), "done": has_project, "href": reverse("project_new")},
        {
            "title": _("Ask for GPU-hours"),
            "note": _("You have an open request.") if has_requests else "",
            "done": False,
            "href": reverse("request_new"),
        },
    ]
