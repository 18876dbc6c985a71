"""Telling people about requests: those whom a step waits for, and the project of what was decided."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_noop

from allocations.programme.models import (
    AllocationRequest,
    Conflict,
    Decision,
    Message,
    RequestStep,
    SiteConsent,
    TrackStep,
    WaitingEntry,
)
from allocations.programme.policies import barring, is_barred, may_read_internal
from allocations.programme.selectors import open_step_of
from allocations.projects.selectors import working_members
from datacenters.models import SiteRole
from portal.foundation.formats import hours
from portal.notices.services.notices import notify
from portal.people.models import Deputy, User

WAITS = {
    TrackStep.Kind.ELIGIBILITY: gettext_noop("Check who asks: “%(project)s”"),
    TrackStep.Kind.TECHNICAL: gettext_noop("Check whether it can run: “%(project)s”"),
    TrackStep.Kind.ETHICS: gettext_noop("Look at its risks: “%(project)s”"),
    TrackStep.Kind.CONSENT: gettext_noop("Your site is asked: “%(project)s”"),
    TrackStep.Kind.DECISION: gettext_noop("%(organisation)s asks for %(hours)s GPU-hours"),
}
WAITS_TEXT = gettext_noop("“%(project)s” asks for %(hours)s GPU-hours of %(resource)s. It waits for you.")
CONFIRM = gettext_noop("Confirm: %(hours)s GPU-hours for “%(project)s”")
CONFIRM_TEXT = gettext_noop("%(who)s approved it. A second person has to give the same word.")
OVERDUE = gettext_noop("Overdue: “%(project)s”")
OVERDUE_TEXT = gettext_noop("The request of %(organisation)s has waited longer than it should.")
SERVED = gettext_noop("%(hours)s GPU-hours came free for “%(project)s”")
SERVED_TEXT = gettext_noop("They were on the waiting list for %(resource)s and are yours now.")
ASKED = gettext_noop("A message about “%(project)s”")
ASKED_TEXT = gettext_noop("%(who)s wrote: %(text)s")
DECIDED = {
    "approved": (
        gettext_noop("Approved: %(hours)s GPU-hours for “%(project)s”"),
        gettext_noop("%(who)s approved %(hours)s GPU-hours of %(resource)s. %(reason)s"),
    ),
    "declined": (
        gettext_noop("Declined: the request for “%(project)s”"),
        gettext_noop("%(who)s declined the request for GPU-hours of %(resource)s. %(reason)s %(remedy)s"),
    ),
    "returned": (
        gettext_noop("A question about the request for “%(project)s”"),
        gettext_noop("%(who)s returned the request with a question: %(reason)s"),
    ),
}
BY_RULE = (
    gettext_noop("Approved: %(hours)s GPU-hours for “%(project)s”"),
    gettext_noop("The track's rule approved %(hours)s GPU-hours of %(resource)s at once."),
)


def tell_holders(step: RequestStep) -> None:
    """Those whom an open step waits for learn of it. A room that took a kind over tells its own people."""
    if step.kind in WAITS:
        _tell(step.request, holders_of(step), "request_waits", WAITS[TrackStep.Kind(step.kind)], WAITS_TEXT)


def tell_site(consent: SiteConsent) -> None:
    """The managers of a site that is asked beside the others."""
    managers = User.objects.filter(
        site_roles__site=consent.site_id, site_roles__role=SiteRole.Role.MANAGER, is_active=True
    )
    people = _independent(_with_deputies(managers, consent.request), consent.request).distinct()
    _tell(consent.request, people, "request_waits", WAITS[TrackStep.Kind.CONSENT], WAITS_TEXT)


def tell_overdue(step: RequestStep) -> None:
    """Those whom it waits for, and every admin."""
    admins = _independent(User.objects.filter(programme_roles__role="admin"), step.request)
    _tell(step.request, _either(holders_of(step), admins), "request_overdue", OVERDUE, OVERDUE_TEXT)


def tell_next_approver(decision: Decision) -> None:
    """One person has approved: the others who may learn that a second is needed."""
    request = decision.request
    step = request.steps.filter(round=request.round, kind=TrackStep.Kind.DECISION).first()
    if step is None:
        return
    people = holders_of(step).exclude(pk=decision.decided_by_id)
    granted = sum(line.gpu_seconds for line in decision.lines.all())
    _tell(
        request,
        people,
        "request_waits",
        CONFIRM,
        CONFIRM_TEXT,
        who=str(decision.who),
        hours=hours(granted),
    )


def tell_project(decision: Decision) -> None:
    """The project's members learn what was decided, and why."""
    subject, body = DECIDED[decision.outcome] if decision.decided_by_id else BY_RULE
    params: dict[str, Any] = {
        "who": str(decision.decided_by or ""),
        "reason": decision.reason,
        "remedy": decision.remedy,
    }
    if lines := list(decision.lines.select_related("resource")):
        params["hours"] = hours(sum(line.gpu_seconds for line in lines))
        params["resource"] = ", ".join(str(line.resource) for line in lines)
    request = decision.request
    _tell(request, working_members(request.project), f"request_{decision.outcome}", subject, body, **params)


def tell_message(message: Message) -> None:
    """The other side: the project where those who decide wrote, and they where the project did."""
    request = message.request
    members = working_members(request.project)
    authors = User.objects.filter(pk__in=request.messages.values("author"))
    writers = authors.exclude(pk__in=members.values("pk"))
    step = open_step_of(request)
    duty = _either(writers, holders_of(step)) if step else writers
    by_project = members.filter(pk=message.author_id).exists()
    inward = by_project or message.audience == Message.Audience.INTERNAL
    # Who wrote once may have left the project, the role, or declared a conflict since.
    people = [each for each in duty if may_read_internal(each, request)] if inward else members
    _tell(
        request,
        [each for each in people if each.pk != message.author_id],
        "request_message",
        ASKED,
        ASKED_TEXT,
        who=str(message.author),
        text=message.text[:500],
    )


def tell_served(entry: WaitingEntry, gpu_seconds: int) -> None:
    """The project learns that what it waited for came free."""
    request = entry.decision_line.decision.request
    facts = {"hours": hours(gpu_seconds), "resource": str(entry.resource)}
    _tell(request, working_members(request.project), "waiting_served", SERVED, SERVED_TEXT, **facts)


def holders_of(step: RequestStep) -> Any:
    """The people whom an open step waits for, their deputies with them; nobody with an interest in it.

    Nobody where another room took the kind over: what is told here names who asks, which reviewers may
    not know.
    """
    if step.kind not in WAITS:
        return User.objects.none()
    roles = [role for role in step.step.roles if role != TrackStep.SITE]
    seats = Q(programme_roles__role__in=roles)
    if TrackStep.SITE in step.step.roles:
        sites = {line.target.site_id for line in step.request.lines.all() if line.target}
        seats |= Q(site_roles__site__in=sites, site_roles__role=SiteRole.Role.MANAGER)
    people = _with_deputies(User.objects.filter(seats, is_active=True), step.request)
    return _independent(people, step.request).distinct()


def _with_deputies(principals: Any, request: AllocationRequest) -> Any:
    """They and who stands in for them: a deputy of somebody who has no say has none either."""
    principals = _independent(principals, request)
    deputies = Deputy.objects.in_force().filter(person__in=principals.values("pk")).values("deputy")
    return User.objects.filter(Q(pk__in=principals.values("pk")) | Q(pk__in=deputies), is_active=True)


def _either(some: Any, others: Any) -> Any:
    return User.objects.filter(Q(pk__in=some.values("pk")) | Q(pk__in=others.values("pk")))


def _independent(people: Any, request: AllocationRequest) -> Any:
    """Without those who have no say: an interest, a conflict, a decline that was appealed, or barred."""
    concerned = Q(memberships__organisation=request.project.organisation_id) | Q(
        project_roles__project=request.project_id
    )
    conflicted = Conflict.objects.filter(request=request, severity__in=Conflict.BLOCKING).values("user")
    declined = request.decisions.filter(outcome=Decision.Outcome.DECLINED)
    spoke = {person for word in declined.values_list("decided_by", "on_behalf_of") for person in word}
    free = people.exclude(pk__in=User.objects.filter(concerned).values("pk")).exclude(pk__in=conflicted)
    # Read apart: who goes on with the request mustn't find what was read here for this.
    read = AllocationRequest.objects.prefetch_related("steps", *barring()).get(pk=request.pk)
    barred = {person.pk for person in free if is_barred(person, read)}
    return free.exclude(pk__in={request.requested_by_id} | spoke - {None} | barred)


def _tell(
    request: AllocationRequest, people: Any, kind: str, subject: str, body: str, **further: Any
) -> None:
    notify(
        users=people,
        kind=kind,
        subject=subject,
        body=body,
        params={**_params(request), **further},
        url=request.get_absolute_url(),
    )


def _params(request: AllocationRequest) -> dict[str, Any]:
    return {
        "project": request.project.title,
        "organisation": request.project.organisation.name,
        "resource": ", ".join(
            line.target.name if line.target else line.where for line in request.lines.all()
        ),
        "hours": hours(request.gpu_seconds),
    }
