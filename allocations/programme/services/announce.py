"""Telling people about requests: those who decide of what was submitted, the project of what was decided."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_noop

from allocations.programme.models import AllocationRequest, Decision
from allocations.programme.policies import DECIDERS
from portal.foundation.formats import hours
from portal.notices.services.notices import notify
from portal.people.models import User

SUBMITTED = gettext_noop("%(organisation)s asks for %(hours)s GPU-hours")
SUBMITTED_TEXT = gettext_noop(
    "“%(project)s” asks for %(hours)s GPU-hours of %(resource)s. It waits for a decision."
)
DECIDED = {
    "approved": (
        gettext_noop("Approved: %(hours)s GPU-hours for “%(project)s”"),
        gettext_noop("%(who)s approved %(hours)s GPU-hours of %(resource)s. %(reason)s"),
    ),
    "declined": (
        gettext_noop("Declined: the request for “%(project)s”"),
        gettext_noop("%(who)s declined the request for GPU-hours of %(resource)s. %(reason)s"),
    ),
    "returned": (
        gettext_noop("A question about the request for “%(project)s”"),
        gettext_noop("%(who)s returned the request with a question: %(reason)s"),
    ),
}


def tell_deciders(request: AllocationRequest) -> None:
    """Everybody who may decide about it learns that it waits."""
    concerned = Q(memberships__organisation=request.project.organisation_id) | Q(
        project_roles__project=request.project_id
    )
    deciders = User.objects.filter(programme_roles__role__in=DECIDERS).exclude(concerned).distinct()
    notify(
        users=deciders,
        kind="request_submitted",
        subject=SUBMITTED,
        body=SUBMITTED_TEXT,
        params=_params(request),
        url=request.get_absolute_url(),
    )


def tell_project(decision: Decision) -> None:
    """The project's members learn what was decided, and why."""
    request = decision.request
    subject, body = DECIDED[decision.outcome]
    params = {**_params(request), "who": str(decision.decided_by), "reason": decision.reason}
    if decision.award:
        params["hours"] = hours(decision.award.gpu_seconds)
    notify(
        users=User.objects.filter(project_roles__project=request.project_id),
        kind=f"request_{decision.outcome}",
        subject=subject,
        body=body,
        params=params,
        url=request.get_absolute_url(),
    )


def _params(request: AllocationRequest) -> dict[str, Any]:
    line = request.lines.all()[0]
    return {
        "project": request.project.title,
        "organisation": request.project.organisation.name,
        "resource": str(line.resource),
        "hours": hours(line.gpu_seconds),
    }
