"""Reading requests: always through what the viewer may see."""

from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from allocations.awards.scope import insiders, overseers
from allocations.programme.models import (
    AllocationRequest,
    Decision,
    DecisionLine,
    Message,
    RequestLine,
    RequestStep,
    SiteConsent,
)
from allocations.programme.transitions import RequestState, StepState
from allocations.projects.models import Project
from allocations.projects.policies import MANAGING
from portal.foundation import policies

PENDING = (RequestState.SUBMITTED, RequestState.UNDER_REVIEW)


def visible_to(user: Any) -> QuerySet[AllocationRequest]:
    """The requests of the viewer's projects and organisations; for who oversees, those ever submitted."""
    overseen = AllocationRequest.objects.filter(
        overseers(user, site="lines__resource__site"), submitted_at__isnull=False
    )
    return _rows().filter(insiders(user) | Q(pk__in=overseen.values("pk")))


def with_decisions(requests: QuerySet[AllocationRequest]) -> QuerySet[AllocationRequest]:
    """The same requests, with what was decided about them."""
    lines = DecisionLine.objects.select_related("resource__site", "line", "award__allocation", "waiting")
    decisions = Decision.objects.select_related("decided_by", "on_behalf_of").prefetch_related(
        Prefetch("lines", lines)
    )
    return requests.prefetch_related(Prefetch("decisions", decisions))


def detailed(user: Any) -> QuerySet[AllocationRequest]:
    """The same, with everything that a request's own page shows."""
    steps = RequestStep.objects.select_related("step", "closed_by")
    consents = SiteConsent.objects.select_related("site", "answered_by")
    return with_decisions(visible_to(user)).prefetch_related(
        Prefetch("steps", steps), Prefetch("consents", consents), "runs", "conflicts"
    )


def open_step_of(request: AllocationRequest) -> RequestStep | None:
    """The step that the request stands at."""
    return (
        RequestStep.objects.filter(request=request, round=request.round, state=StepState.OPEN)
        .select_related("step")
        .first()
    )


def messages_of(request: AllocationRequest, *, internal: bool) -> QuerySet[Message]:
    """The thread, newest first; notes among those who decide only for those who do."""
    messages = Message.objects.filter(request=request).select_related("author").order_by("-id")
    return messages if internal else messages.filter(audience=Message.Audience.ALL)


def pending_for(user: Any) -> QuerySet[AllocationRequest]:
    """What waits for this decider's word, oldest first; nothing in which they have an interest."""
    if not policies.allowed(user, "programme.decide_requests"):
        return AllocationRequest.objects.none()
    return (
        _rows()
        .filter(state__in=PENDING)
        .exclude(requested_by=user)
        .exclude(project__organisation__in=user.memberships.values("organisation"))
        .exclude(project__in=user.project_roles.values("project"))
        .order_by("submitted_at", "id")
    )


def pending_count(user: Any) -> int:
    """The figure beside “Decide” in the menu."""
    return pending_for(user).prefetch_related(None).count()


def projects_led_by(user: Any) -> QuerySet[Project]:
    """The projects for which `user` may ask."""
    return Project.objects.filter(
        pk__in=user.project_roles.filter(role__in=MANAGING).values("project"), archived_at__isnull=True
    ).order_by("title")


def _rows() -> QuerySet[AllocationRequest]:
    lines = RequestLine.objects.select_related("resource__site", "placed__site")
    return AllocationRequest.objects.select_related(
        "project__organisation", "project__sector", "requested_by", "track_version__track", "call"
    ).prefetch_related(Prefetch("lines", lines))
