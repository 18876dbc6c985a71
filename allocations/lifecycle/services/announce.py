"""Telling people about changes, reports and appeals."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop

from allocations.awards.models import Allocation
from allocations.lifecycle.models import AllocationReport, Appeal, ChangeRequest
from allocations.lifecycle.policies import ADMINS, conflicted, conflicted_about, project_of
from allocations.programme.policies import DECIDERS
from allocations.projects.models import Project
from allocations.projects.policies import MANAGING
from allocations.projects.selectors import working_members
from portal.foundation.formats import hours
from portal.notices.services.notices import notify
from portal.people.models import User

ASKED = {
    "supplement": gettext_noop("“%(project)s” asks for %(hours)s GPU-hours more"),
    "advance": gettext_noop("“%(project)s” asks for %(hours)s GPU-hours ahead of its report"),
    "extension": gettext_noop("“%(project)s” asks to last until %(ends_on)s"),
    "transfer": gettext_noop("“%(project)s” asks to move %(hours)s GPU-hours"),
}
ASKED_TEXT = gettext_noop("The allocation is on %(resource)s. Reason: %(reason)s")
SECOND = gettext_noop("A second word is needed: “%(project)s”")
SECOND_TEXT = gettext_noop("One person approved the change. Another has to as well.")
DECLINED = gettext_noop("Declined: a change for “%(project)s”")
DECLINED_TEXT = gettext_noop("The allocation on %(resource)s stays as it is. Reason: %(reason)s")
REPORT_DUE = gettext_noop("A report about “%(project)s” is due")
REPORT_DUE_TEXT = gettext_noop("It is due on %(due_on)s, about the allocation on %(resource)s.")
REPORT_IN = gettext_noop("“%(project)s” handed in a report")
REPORT_IN_TEXT = gettext_noop("It is about the allocation on %(resource)s and waits for an answer.")
REPORT_ANSWERED = {
    "accepted": (
        gettext_noop("Accepted: the report about “%(project)s”"),
        gettext_noop("Thank you. It is about the allocation on %(resource)s. %(reason)s"),
    ),
    "returned": (
        gettext_noop("A question about the report about “%(project)s”"),
        gettext_noop("Please answer and hand it in again: %(reason)s"),
    ),
}
APPEAL_FILED = gettext_noop("“%(project)s” appeals against a decision")
APPEAL_FILED_TEXT = gettext_noop("Others than those who decided hear it. Grounds: %(reason)s")
APPEAL_DECIDED = {
    "upheld": (
        gettext_noop("Upheld: the appeal of “%(project)s”"),
        gettext_noop("Reason: %(reason)s"),
    ),
    "dismissed": (
        gettext_noop("Dismissed: the appeal of “%(project)s”"),
        gettext_noop("The decision stands. Reason: %(reason)s"),
    ),
}


def tell_deciders(change: ChangeRequest) -> None:
    """Those who may decide learn that a change waits."""
    barred = conflicted(change.allocation, change.target) | {change.requested_by_id}
    people = deciders(change.allocation.project, barred)
    _tell(people, "change_requested", ASKED[change.kind], ASKED_TEXT, change.allocation, change)


def tell_second(change: ChangeRequest, but: User) -> None:
    """One has approved: the others learn that a second word is needed."""
    barred = conflicted(change.allocation, change.target) | {change.requested_by_id, but.pk}
    people = deciders(change.allocation.project, barred)
    _tell(people, "change_requested", SECOND, SECOND_TEXT, change.allocation, change)


def tell_declined(change: ChangeRequest, reason: str) -> None:
    _tell(
        working_members(change.allocation.project),
        "change_declined",
        DECLINED,
        DECLINED_TEXT,
        change.allocation,
        change,
        reason=reason,
    )


def tell_report_due(report: AllocationReport) -> None:
    """Who leads the project learns that a report is due."""
    people = User.objects.filter(
        project_roles__project=report.allocation.project_id, project_roles__role__in=MANAGING
    )
    _tell(people, "report_due", REPORT_DUE, REPORT_DUE_TEXT, report.allocation, report)


def tell_report_in(report: AllocationReport) -> None:
    people = deciders(report.allocation.project, conflicted(report.allocation), ADMINS)
    _tell(people, "report_submitted", REPORT_IN, REPORT_IN_TEXT, report.allocation, report)


def tell_report_answered(report: AllocationReport, outcome: str, reason: str) -> None:
    subject, body = REPORT_ANSWERED[outcome]
    people = working_members(report.allocation.project)
    _tell(people, f"report_{outcome}", subject, body, report.allocation, report, reason=reason)


def tell_appeal_filed(appeal: Appeal) -> None:
    project = project_of(appeal)
    notify(
        users=deciders(project, conflicted_about(appeal) | {appeal.filed_by_id}),
        kind="appeal_filed",
        subject=APPEAL_FILED,
        body=APPEAL_FILED_TEXT,
        params={"project": project.title, "reason": appeal.grounds},
        url=appeal.get_absolute_url(),
    )


def tell_appeal_decided(appeal: Appeal, outcome: str, reason: str) -> None:
    project = project_of(appeal)
    subject, body = APPEAL_DECIDED[outcome]
    notify(
        users=working_members(project),
        kind=f"appeal_{outcome}",
        subject=subject,
        body=body,
        params={"project": project.title, "reason": reason},
        url=appeal.get_absolute_url(),
    )


def deciders(project: Project, barred: set[int], roles: Collection[str] = DECIDERS) -> QuerySet[User]:
    """Those with a role who have no interest in the project and aren't `barred` (ids)."""
    concerned = (
        Q(pk__in=barred)
        | Q(memberships__organisation=project.organisation_id)
        | Q(project_roles__project=project.pk)
    )
    return User.objects.filter(programme_roles__role__in=roles).exclude(concerned).distinct()


def _tell(
    users: QuerySet[User],
    kind: str,
    subject: str,
    body: str,
    allocation: Allocation,
    about: ChangeRequest | AllocationReport,
    reason: str | None = None,
) -> None:
    params: dict[str, Any] = {
        "project": allocation.project.title,
        "resource": str(allocation.resource),
        "reason": about.reason if reason is None and isinstance(about, ChangeRequest) else reason or "",
    }
    if isinstance(about, ChangeRequest):
        params |= {"hours": hours(about.gpu_seconds), "ends_on": str(about.ends_on or "")}
    else:
        params["due_on"] = str(about.due_on)
    notify(users=users, kind=kind, subject=subject, body=body, params=params, url=about.get_absolute_url())
