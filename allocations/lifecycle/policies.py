"""Who may ask for a change, write a report, appeal, and who answers."""

from typing import Any

import rules

from allocations.awards.interest import has_interest
from allocations.awards.models import Allocation
from allocations.lifecycle.models import AllocationReport, Appeal, ChangeRequest
from allocations.lifecycle.transitions import AppealState, ChangeState, ReportState
from allocations.programme.models import AllocationRequest, Conflict
from allocations.programme.policies import DECIDERS
from allocations.projects.models import Project
from allocations.projects.policies import is_managing
from portal.foundation import policies
from portal.people.models import ProgrammeRole, User
from portal.people.policies import seat_of

ADMINS = frozenset({ProgrammeRole.Role.ADMIN.value})


def conflicted(allocation: Allocation, target: Allocation | None = None) -> set[int]:
    """Ids of those with a conflict of interest about the requests that fed the allocation.

    Or about those of `target`, where hours are to move to.
    """
    concerned = [each for each in (allocation, target) if each is not None]
    return set(
        Conflict.objects.filter(
            request__decisions__fulfilments__award__allocation__in=concerned, severity__in=Conflict.BLOCKING
        ).values_list("user_id", flat=True)
    )


def seat_for_change(user: Any, change: ChangeRequest) -> User | None:
    """In whose seat `user` decides about `change`; None where neither they nor a principal may."""
    tied = conflicted(change.allocation, change.target)
    barred = tied | {change.requested_by_id} | _spoke(change.decisions)
    return _seat(user, change.allocation.project, barred, DECIDERS)


def seat_for_report(user: Any, report: AllocationReport) -> User | None:
    return _seat(user, report.allocation.project, conflicted(report.allocation), ADMINS)


def seat_for_appeal(user: Any, appeal: Appeal) -> User | None:
    """Only others than those who decided before hear an appeal."""
    barred = _spoke(appeal.decisions) | _spoke(appeal.subject.decisions) | {appeal.filed_by_id}
    return _seat(user, project_of(appeal), barred | conflicted_about(appeal), DECIDERS)


def words_for(user: Any, appeal: Appeal) -> list[Any]:
    """What was said about `appeal`: until it is decided, only for those who may decide it, or have spoken."""
    words = list(appeal.decisions.all())
    if not words or appeal.state in {AppealState.UPHELD, AppealState.DISMISSED}:
        return words
    spoke = any(user.pk in {word.decided_by_id, word.on_behalf_of_id} for word in words)
    return words if spoke or seat_for_appeal(user, appeal) is not None else []


def project_of(appeal: Appeal) -> Project:
    subject = appeal.subject
    return subject.project if isinstance(subject, AllocationRequest) else subject.allocation.project


def conflicted_about(appeal: Appeal) -> set[int]:
    """Ids of those with a conflict of interest about what is appealed against."""
    if isinstance(appeal.subject, ChangeRequest):
        return conflicted(appeal.subject.allocation, appeal.subject.target)
    found = Conflict.objects.filter(request=appeal.subject, severity__in=Conflict.BLOCKING)
    return set(found.values_list("user_id", flat=True))


def _spoke(decisions: Any) -> set[int]:
    """Everybody who gave a word, or in whose seat it was given."""
    words = decisions.values_list("decided_by", "on_behalf_of")
    return {pk for row in words for pk in row if pk is not None}


def _seat(user: Any, project: Project, barred: set[int], roles: Any) -> User | None:
    if user.pk in barred or has_interest(user, project):
        return None
    for person in (user, *user.principals):
        if person.roles & roles and person.pk not in barred and not has_interest(person, project):
            return person
    return None


@rules.predicate
def leads(user: Any, thing: Any) -> bool:
    """Whether `user` leads the project of an allocation, a change, a report or an appeal."""
    if thing is None:
        return False
    if isinstance(thing, Appeal):
        project = project_of(thing)
    elif isinstance(thing, AllocationRequest | Allocation):
        project = thing.project
    else:
        project = thing.allocation.project
    return bool(is_managing(user, project))


@rules.predicate
def is_decider(user: Any) -> bool:
    return seat_of(user, DECIDERS) is not None


@rules.predicate
def is_admin(user: Any) -> bool:
    return seat_of(user, ADMINS) is not None


@rules.predicate
def decides_change(user: Any, change: ChangeRequest | None) -> bool:
    return change is not None and seat_for_change(user, change) is not None


@rules.predicate
def answers_report(user: Any, report: AllocationReport | None) -> bool:
    return report is not None and seat_for_report(user, report) is not None


@rules.predicate
def hears_appeal(user: Any, appeal: Appeal | None) -> bool:
    return appeal is not None and seat_for_appeal(user, appeal) is not None


rules.add_perm("lifecycle.ask_change", leads)
rules.add_perm("lifecycle.withdraw_change", leads)
rules.add_perm("lifecycle.decide_changes", is_decider)
rules.add_perm("lifecycle.decide_change", decides_change)
rules.add_perm("lifecycle.write_report", leads)
rules.add_perm("lifecycle.answer_reports", is_admin)
rules.add_perm("lifecycle.answer_report", answers_report)
rules.add_perm("lifecycle.file_appeal", leads)
rules.add_perm("lifecycle.decide_appeals", is_decider)
rules.add_perm("lifecycle.decide_appeal", hears_appeal)


def actions_for(user: Any, thing: ChangeRequest | AllocationReport | Appeal) -> list[str]:
    """What `user` may do to a change, a report or an appeal now."""
    asked: list[tuple[str, str]] = []
    if isinstance(thing, ChangeRequest) and thing.state == ChangeState.REQUESTED:
        asked = [("decide", "lifecycle.decide_change"), ("withdraw", "lifecycle.withdraw_change")]
    elif isinstance(thing, AllocationReport) and thing.is_open:
        asked = [("write", "lifecycle.write_report")]
    elif isinstance(thing, AllocationReport) and thing.state == ReportState.SUBMITTED:
        asked = [("answer", "lifecycle.answer_report")]
    elif isinstance(thing, Appeal) and thing.state == AppealState.FILED:
        asked = [("decide", "lifecycle.decide_appeal"), ("withdraw", "lifecycle.file_appeal")]
    return [action for action, permission in asked if policies.allowed(user, permission, thing)]
