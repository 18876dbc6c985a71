"""What every way into a project and out of it shares."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from allocations.projects.models import (
    GIVEN_ROLES,
    Asked,
    Enrolment,
    HandOver,
    Project,
    ProjectMember,
)
from allocations.projects.selectors import MANAGING
from allocations.projects.services.projects import require_active
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed
from portal.foundation.services import audit, outbox
from portal.people.models import User


def locked(project: Project) -> Project:
    """The project as it is now; one change of its members at a time. Raises IllegalState where archived."""
    current = (
        Project.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=project.pk)
    )
    require_active(current)
    return current


def check_role(role: str) -> None:
    """Raises InvalidInput for a role that isn't given by a choice."""
    if role not in dict(GIVEN_ROLES):
        raise InvalidInput(_("Choose manager or member."), field="role")


def check_may_join(actor: Any) -> None:
    """Raises NotAllowed for people who never proved an address."""
    if not actor.verified_addresses:
        raise NotAllowed(
            _("Your e-mail address isn't verified yet."),
            code="email_not_verified",
            remedy=_("Open the link in the mail that we sent, or send a new one under “E-mail addresses”."),
        )


def check_not_in(project: Project, user: Any) -> None:
    """Raises IllegalState for somebody who works on the project already."""
    if project.members.filter(user=user).exists():
        raise IllegalState(_("You work on this project already."), code="member_already")


def join(
    *, actor: Any, project: Project, role: str, action: str, by: str, cap: int | None = None
) -> ProjectMember:
    """Make `actor` a member; `by` is the code of what let them in. The project is locked by the caller."""
    member = ProjectMember.objects.create(project=project, user=actor, role=role, cap_gpu_seconds=cap)
    tell_changed(actor, action, project, after={**facts(member), "by": by})
    return member


def end(*, actor: Any, action: str, member: ProjectMember, removed: bool = False) -> None:
    """Take somebody out. Raises IllegalState for the PI, and for who isn't in any more.

    What was asked of them is taken back; a student's enrolment ends, and with `removed` for good.
    """
    check_not_pi(member)
    before = facts(member)
    if not ProjectMember.objects.filter(pk=member.pk).delete()[0]:
        raise IllegalState(_("This person isn't a member any more."))
    let_go(member.project, [member.user], removed=removed)
    tell_changed(actor, action, member.project, before=before)


def let_go(project: Project, users: Iterable[Any], *, removed: bool = False) -> None:
    """What hung on the memberships of `users` that have just ended: their offers end too."""
    now = clock.now()
    asked = HandOver.objects.filter(project=project, successor__in=users, state=Asked.PENDING)
    asked.update(state=Asked.WITHDRAWN, updated_at=now)
    enrolled = Enrolment.objects.filter(classroom__project=project, user__in=users, ended_at=None)
    enrolled.update(ended_at=now, removed=removed, updated_at=now)
    end_offers(project, users)


def end_offers(project: Project, users: Iterable[Any]) -> None:
    """Nobody comes in, maybe as a manager, by the word of people who manage the project no more."""
    now = clock.now()
    project.links.filter(made_by__in=users, revoked_at=None).update(revoked_at=now, updated_at=now)
    sent = project.invitations.filter(invited_by__in=users, state=Asked.PENDING)
    sent.update(state=Asked.WITHDRAWN, updated_at=now)


def check_not_pi(member: ProjectMember) -> None:
    if member.role == ProjectMember.Role.PI:
        raise IllegalState(
            _("A project keeps its principal investigator."),
            remedy=_("Hand the project over first, or archive it if the work has ended."),
        )


def leaders_of(project: Project) -> QuerySet[User]:
    """The PI and the managers."""
    return User.objects.filter(project_roles__project=project, project_roles__role__in=MANAGING)


def facts(member: ProjectMember) -> dict[str, Any]:
    """What the audit tells of a membership."""
    return {"user": member.user.code, "role": member.role} | (
        {} if member.cap_gpu_seconds is None else {"cap_gpu_seconds": member.cap_gpu_seconds}
    )


def tell_changed(
    actor: Any,
    action: str,
    project: Project,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Audit a change of members; the rooms above hear of it by `project_members_changed` {project}."""
    audit.record(actor=actor, action=action, target=project, before=before, after=after)
    outbox.enqueue(topic="project_members_changed", key=project.code, payload={"project": project.code})
