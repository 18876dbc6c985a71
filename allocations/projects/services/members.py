"""Who works on a project: roles, caps, leaving. (Ways in: invitations, links, classrooms.)"""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from allocations.projects.models import Enrolment, Project, ProjectMember
from allocations.projects.services import _membership as membership
from portal.foundation import clock, policies
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.formats import hours
from portal.foundation.services import audit
from portal.notices.services.notices import notify


@transaction.atomic
def member_role_change(*, actor: Any, member: ProjectMember, role: str) -> ProjectMember:
    """Make a member a manager, or a manager a member. For the PI and managers.

    Raises InvalidInput for another role, IllegalState for the PI.
    """
    policies.require(actor, "projects.manage", member.project)
    membership.locked(member.project)
    membership.check_role(role)
    member = _current(member)
    membership.check_not_pi(member)
    before = membership.facts(member)
    if member.role != role:
        if member.role == ProjectMember.Role.MANAGER:
            membership.end_offers(member.project, [member.user])
        member.role = role
        member.store("role")
        after = membership.facts(member)
        membership.tell_changed(
            actor, "project_member_role_change", member.project, before=before, after=after
        )
    return member


@transaction.atomic
def member_cap_set(*, actor: Any, member: ProjectMember, gpu_seconds: int | None) -> ProjectMember:
    """Bound what this member may use of the project's allocations (held and charged); None lifts the cap.

    A cap below what was used stops new jobs and nothing else; a student's holds beyond leaving and coming
    back. For the PI and managers. Raises InvalidInput (gpu_hours) for a negative one, IllegalState for the
    PI's own.
    """
    policies.require(actor, "projects.manage", member.project)
    if gpu_seconds is not None and gpu_seconds < 0:
        raise InvalidInput(
            _("A cap can't be negative."),
            field="gpu_hours",
            remedy=_("0 stops all jobs; empty lifts the cap."),
        )
    membership.locked(member.project)
    member = _current(member)
    if member.role == ProjectMember.Role.PI:
        raise IllegalState(_("The principal investigator answers for the whole budget and has no cap."))
    if member.cap_gpu_seconds == gpu_seconds:
        return member
    before = membership.facts(member)
    member.cap_gpu_seconds = gpu_seconds
    member.store("cap_gpu_seconds")
    Enrolment.objects.filter(classroom__project=member.project, user=member.user).update(
        own_cap_gpu_seconds=gpu_seconds, updated_at=clock.now()
    )
    audit.record(
        actor=actor,
        action="project_member_cap_set",
        target=member.project,
        before=before,
        after=membership.facts(member),
    )
    _tell_cap(member)
    return member


@transaction.atomic
def member_remove(*, actor: Any, member: ProjectMember) -> None:
    """End somebody's work on the project. For the PI and managers. Raises IllegalState for the PI."""
    policies.require(actor, "projects.manage", member.project)
    membership.end(actor=actor, action="project_member_remove", member=member, removed=True)
    if actor.pk != member.user_id:
        notify(
            users=[member.user],
            kind="project_member_removed",
            subject=gettext_noop("Your work on “%(project)s” has ended"),
            body=gettext_noop(
                "%(person)s took you out of the project. Jobs that haven't started are cancelled; what runs "
                "may finish."
            ),
            params={"person": str(actor), "project": member.project.title},
            url="/projects/",
        )


@transaction.atomic
def member_leave(*, actor: Any, project: Project) -> None:
    """End one's own work on the project. Raises IllegalState for its PI and for people who aren't in it."""
    member = project.members.select_related("project", "user").filter(user=actor).first()
    if member is None:
        raise IllegalState(_("You aren't a member of this project."))
    membership.end(actor=actor, action="project_member_leave", member=member)


def _current(member: ProjectMember) -> ProjectMember:
    """The row, locked. Raises IllegalState where it has gone."""
    current = (
        ProjectMember.objects.select_for_update(of=("self",))
        .select_related("project", "user")
        .filter(pk=member.pk)
        .first()
    )
    if current is None:
        raise IllegalState(_("This person isn't a member any more."))
    return current


def _tell_cap(member: ProjectMember) -> None:
    if member.cap_gpu_seconds is None:
        body, params = gettext_noop("You may use as much of it as is available."), {}
    else:
        body = gettext_noop("You may use %(gpu_hours)s GPU-hours of it in all, held and charged together.")
        params = {"gpu_hours": hours(member.cap_gpu_seconds)}
    notify(
        users=[member.user],
        kind="project_member_cap",
        subject=gettext_noop("What you may use of “%(project)s” has changed"),
        body=body,
        params={"project": member.project.title, **params},
        url=member.project.get_absolute_url(),
    )
