"""Reading changes, reports and appeals: always through what the viewer may see."""

from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.db.models.functions import Coalesce

from allocations.awards.selectors import visible_to as visible_allocations
from allocations.lifecycle.models import (
    AllocationReport,
    Appeal,
    AppealDecision,
    ChangeDecision,
    ChangeRequest,
    ReportAnswer,
)
from allocations.lifecycle.transitions import AppealState, ChangeState, ReportState
from allocations.programme.models import Conflict, Decision
from allocations.programme.selectors import visible_to as visible_requests
from allocations.projects.policies import MANAGING
from portal.foundation.policies import allowed

TO_WRITE = (ReportState.DUE, ReportState.RETURNED)


def changes_visible_to(user: Any) -> QuerySet[ChangeRequest]:
    """The changes of every allocation that the viewer may see, newest first."""
    return _changes().filter(allocation__in=visible_allocations(user).order_by().values("pk"))


def changes_detailed(user: Any) -> QuerySet[ChangeRequest]:
    """The same, with what was said about them."""
    words = ChangeDecision.objects.select_related("decided_by", "on_behalf_of")
    return changes_visible_to(user).prefetch_related(Prefetch("decisions", words), "appeals")


def changes_pending_for(user: Any) -> QuerySet[ChangeRequest]:
    """Changes that wait for this decider's word, oldest first."""
    if not allowed(user, "lifecycle.decide_changes"):
        return ChangeRequest.objects.none()
    return (
        _independent(_changes().filter(state=ChangeState.REQUESTED), user, "allocation__project")
        .exclude(requested_by=user)
        .exclude(decisions__decided_by=user)
        .exclude(allocation__in=_conflicted(user))
        .exclude(target__isnull=False, target__in=_conflicted(user))
        .order_by("created_at", "id")
    )


def reports_visible_to(user: Any) -> QuerySet[AllocationReport]:
    """The reports of every allocation that the viewer may see, the next one due first."""
    answers = ReportAnswer.objects.select_related("decided_by")
    return (
        AllocationReport.objects.select_related(
            "allocation__project__organisation", "allocation__resource__site", "submitted_by"
        )
        .filter(allocation__in=visible_allocations(user).order_by().values("pk"))
        .prefetch_related(Prefetch("answers", answers))
    )


def reports_to_write(user: Any) -> QuerySet[AllocationReport]:
    """Reports that the projects owe which `user` leads, the next one due first."""
    led = user.project_roles.filter(role__in=MANAGING).values("project")
    return AllocationReport.objects.select_related("allocation__project", "allocation__resource").filter(
        state__in=TO_WRITE, allocation__project__in=led
    )


def reports_to_answer(user: Any) -> QuerySet[AllocationReport]:
    """Reports that wait for an answer of this admin."""
    if not allowed(user, "lifecycle.answer_reports"):
        return AllocationReport.objects.none()
    waiting = AllocationReport.objects.select_related(
        "allocation__project__organisation", "allocation__resource__site"
    ).filter(state=ReportState.SUBMITTED)
    return _independent(waiting, user, "allocation__project").exclude(allocation__in=_conflicted(user))


def appeals_visible_to(user: Any) -> QuerySet[Appeal]:
    """Appeals against decisions that the viewer may read."""
    words = AppealDecision.objects.select_related("decided_by", "on_behalf_of")
    return (
        Appeal.objects.select_related(
            "request__project__organisation",
            "change__allocation__project__organisation",
            "change__allocation__resource__site",
            "filed_by",
        )
        .filter(
            Q(request__in=visible_requests(user).order_by().values("pk"))
            | Q(change__allocation__in=visible_allocations(user).order_by().values("pk"))
        )
        .prefetch_related(Prefetch("decisions", words))
    )


def appeals_pending_for(user: Any) -> QuerySet[Appeal]:
    """Appeals that this decider may hear: never of what they decided."""
    if not allowed(user, "lifecycle.decide_appeals"):
        return Appeal.objects.none()
    waiting = appeals_visible_to(user).filter(state=AppealState.FILED).exclude(filed_by=user)
    waiting = _independent(waiting, user, "project_id")
    decided = Decision.objects.filter(Q(decided_by=user) | Q(on_behalf_of=user))
    said = ChangeDecision.objects.filter(Q(decided_by=user) | Q(on_behalf_of=user))
    return (
        waiting.exclude(decisions__decided_by=user)
        .exclude(request__isnull=False, request__in=decided.values("request"))
        .exclude(change__isnull=False, change__in=said.values("change"))
        .exclude(request__isnull=False, request__in=_conflicts(user).values("request"))
        .exclude(change__isnull=False, change__allocation__in=_conflicted(user))
        .exclude(change__target__isnull=False, change__target__in=_conflicted(user))
        .order_by("created_at", "id")
    )


def pending_count(user: Any) -> int:
    """The figure in the menu: everything that waits for this person, in one query."""
    waiting = [changes_pending_for(user), reports_to_answer(user), appeals_pending_for(user)]
    first, *others = (rows.order_by().prefetch_related(None).values_list("pk") for rows in waiting)
    return first.union(*others, all=True).count()


def pending_counts(user: Any) -> dict[str, int]:
    """How many changes, reports and appeals wait for this person: one figure each."""
    return {
        "changes": changes_pending_for(user).count(),
        "reports": reports_to_answer(user).count(),
        "appeals": appeals_pending_for(user).count(),
    }


def _changes() -> QuerySet[ChangeRequest]:
    return ChangeRequest.objects.select_related(
        "allocation__project__organisation",
        "allocation__project__sector",
        "allocation__resource__site",
        "target__resource__site",
        "requested_by",
    )


def _independent[Row: (ChangeRequest, AllocationReport, Appeal)](
    rows: QuerySet[Row], user: Any, project: str
) -> QuerySet[Row]:
    """Without those in whose project, or its organisation, `user` has an interest."""
    if project == "project_id":
        rows = rows.annotate(
            of_project=Coalesce("request__project", "change__allocation__project"),
            of_organisation=Coalesce(
                "request__project__organisation", "change__allocation__project__organisation"
            ),
        )
        return rows.exclude(of_project__in=user.project_roles.values("project")).exclude(
            of_organisation__in=user.organisation_ids
        )
    return rows.exclude(**{f"{project}__in": user.project_roles.values("project")}).exclude(
        **{f"{project}__organisation__in": user.organisation_ids}
    )


def _conflicts(user: Any) -> QuerySet[Conflict]:
    return Conflict.objects.filter(user=user, severity__in=Conflict.BLOCKING)


def _conflicted(user: Any) -> QuerySet[Conflict, Any]:
    """Ids of the allocations about whose requests `user` has a conflict of interest."""
    return (
        _conflicts(user)
        .filter(request__decisions__fulfilments__isnull=False)
        .values("request__decisions__fulfilments__award__allocation")
    )
