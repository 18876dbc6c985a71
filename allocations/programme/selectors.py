"""Reading requests: always through what the viewer may see."""

from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery

from allocations.awards.scope import insiders, overseers
from allocations.programme.models import (
    AllocationRequest,
    Call,
    Conflict,
    Decision,
    DecisionLine,
    Fulfilment,
    Message,
    RequestLine,
    RequestStep,
    Rubric,
    SiteConsent,
    Track,
    TrackStep,
)
from allocations.programme.transitions import PENDING, ConsentState, StepState
from allocations.projects import selectors as projects
from allocations.projects.models import Project
from allocations.projects.policies import MANAGING
from allocations.projects.selectors import studied_by
from datacenters.policies import seated_at
from portal.foundation import clock, policies
from portal.people.models import ProgrammeRole
from portal.people.policies import seat_of

CHECKS = (TrackStep.Kind.ELIGIBILITY, TrackStep.Kind.TECHNICAL, TrackStep.Kind.ETHICS)


def of_own(user: Any) -> Q:
    """Requests of the viewer's projects and organisations; not of those where they are a student only."""
    return insiders(user) & ~Q(project__in=studied_by(user))


def visible_to(user: Any) -> QuerySet[AllocationRequest]:
    """The requests of the viewer's projects and organisations; for who oversees, those ever submitted.

    Who oversees isn't shown those from which they stepped aside.
    """
    overseen = _overseen(user).exclude(pk__in=_conflicted(user))
    return _rows().filter(of_own(user) | Q(pk__in=overseen.values("pk")))


def _overseen(user: Any) -> QuerySet[AllocationRequest]:
    seats = seated_at(user)
    by_role = (
        overseers(user, site="lines__resource__site")
        | Q(lines__placed__site__in=seats)
        | Q(consents__site__in=seats)
    )
    return AllocationRequest.objects.filter(by_role, submitted_at__isnull=False)


def stepped_aside(user: Any) -> QuerySet[AllocationRequest]:
    """Pending requests hidden from a decider for a conflict of interest: to be named by code only."""
    hidden = _overseen(user).filter(state__in=PENDING, pk__in=_conflicted(user))
    return AllocationRequest.objects.filter(pk__in=hidden.values("pk")).order_by("pk")


def with_decisions(requests: QuerySet[AllocationRequest]) -> QuerySet[AllocationRequest]:
    """The same requests, with what was decided about them."""
    lines = DecisionLine.objects.select_related("resource__site", "line", "waiting")
    awards = Fulfilment.objects.select_related("award__allocation")
    decisions = Decision.objects.select_related("decided_by", "on_behalf_of").prefetch_related(
        Prefetch("lines", lines), Prefetch("fulfilments", awards)
    )
    return requests.prefetch_related(Prefetch("decisions", decisions))


def with_duty(requests: QuerySet[AllocationRequest], user: Any) -> QuerySet[AllocationRequest]:
    """The same requests, each with whether `user` deals with it while it is pending (`deals`), for lists.

    As `policies.may_read_internal` says of one.
    """
    mine = AllocationRequest.objects.filter(_deals_with(user), pk=OuterRef("pk"))
    return requests.annotate(deals=Exists(mine))


def detailed(user: Any) -> QuerySet[AllocationRequest]:
    """The same, with everything that a request's own page shows; `sees_project`: whether its project, too."""
    project = projects.visible_to(user).filter(pk=OuterRef("project_id"))
    steps = RequestStep.objects.select_related("step", "closed_by")
    consents = SiteConsent.objects.select_related("site", "answered_by")
    requests = with_decisions(visible_to(user)).annotate(sees_project=Exists(project))
    return requests.prefetch_related(
        Prefetch("steps", steps), Prefetch("consents", consents), "runs", "conflicts", "project__members"
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
    """What waits for this person's word, oldest first; nothing in which they have an interest or a conflict.

    Deciders see everything that is pending: they may return or decline it at any step.
    """
    decides = policies.allowed(user, "programme.decide_requests")
    return _rows().filter(_waits_for(user, decides)).order_by("submitted_at", "id")


def pending_with_steps(user: Any) -> QuerySet[AllocationRequest]:
    """The same, each with what waits: `asks_site` (code of a site to answer for) and `asks_check`."""
    managed = seated_at(user)
    of_site = Q(site__in=managed)
    if _acts_as_admin(user):
        of_site |= Q(silence_consents=False, due_at__lt=clock.now())
    asked = SiteConsent.objects.filter(
        of_site, request=OuterRef("pk"), round=OuterRef("round"), state=ConsentState.ASKED
    )
    mine = Q(step__roles__contains=[TrackStep.SITE]) & _at_sites(managed)
    for role in set(user.roles).union(*(person.roles for person in user.principals)):
        mine |= Q(step__roles__contains=[role])
    if _acts_as_admin(user):
        mine |= Q(escalated_at__isnull=False)
    check = RequestStep.objects.filter(mine, request=OuterRef("pk"), state=StepState.OPEN, kind__in=CHECKS)
    return pending_for(user).annotate(
        asks_site=Subquery(asked.values("site__code")[:1]), asks_check=Exists(check)
    )


def pending_count(user: Any) -> int:
    """The figure beside “To decide” in the menu."""
    decides = policies.allowed(user, "programme.decide_requests")
    return AllocationRequest.objects.filter(_waits_for(user, decides)).count()


def _deals_with(user: Any) -> Q:
    """What waits for the viewer's word, and what their site was asked about, whatever it said."""
    decides = policies.allowed(user, "programme.decide_requests")
    asked = SiteConsent.objects.filter(site__in=seated_at(user), round=F("request__round"))
    return _waits_for(user, decides) | _independent(user) & Q(pk__in=asked.values("request"))


def _independent(user: Any) -> Q:
    """Pending requests in which the viewer has neither an interest nor a conflict."""
    return Q(state__in=PENDING) & ~(
        Q(requested_by=user)
        | Q(project__organisation__in=user.memberships.values("organisation"))
        | Q(project__in=user.project_roles.values("project"))
        | Q(pk__in=_conflicted(user))
    )


def _waits_for(user: Any, decides: bool) -> Q:
    mine = _independent(user)
    if decides:
        return mine
    managed = seated_at(user)
    asked = SiteConsent.objects.filter(
        site__in=managed,
        state=ConsentState.ASKED,
        round=F("request__round"),
    )
    technical = RequestStep.objects.filter(
        _at_sites(managed),
        state=StepState.OPEN,
        kind__in=CHECKS,
        step__roles__contains=[TrackStep.SITE],
    )
    return mine & (Q(pk__in=asked.values("request")) | Q(pk__in=technical.values("request")))


def _conflicted(user: Any) -> QuerySet[Any, Any]:
    """Ids of the requests from which a real or apparent conflict of interest keeps the viewer."""
    return Conflict.objects.filter(user=user, severity__in=Conflict.BLOCKING).values("request")


def _acts_as_admin(user: Any) -> bool:
    """Whether `user` may take over what is overdue, in their own seat or as a deputy."""
    return seat_of(user, {ProgrammeRole.Role.ADMIN.value}) is not None


def _at_sites(sites: QuerySet[Any, Any]) -> Q:
    """Steps of requests with a line that comes to one of these sites."""
    return Q(request__lines__resource__site__in=sites) | Q(request__lines__placed__site__in=sites)


def calls_visible_to(user: Any) -> QuerySet[Call]:
    """Published calls, for everybody; programme admins also see those that aren't published yet."""
    calls = Call.objects.select_related("track", "rubric").prefetch_related("documents", "budgets__resource")
    if getattr(user, "is_authenticated", False) and policies.allowed(user, "programme.administer"):
        return calls
    return calls.filter(published_at__isnull=False)


def tracks_visible_to(user: Any) -> QuerySet[Track]:
    """Every track: how awards are decided is public."""
    return Track.objects.order_by("position", "code")


def rubrics_visible_to(user: Any) -> QuerySet[Rubric]:
    """Every rubric: by what is judged is public."""
    return Rubric.objects.prefetch_related("criteria")


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
