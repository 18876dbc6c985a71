"""Handing a project over: one principal investigator at every moment, and nobody against their will."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from allocations.projects.models import Asked, HandOver, Project, ProjectMember
from allocations.projects.policies import pi_is_gone
from allocations.projects.services import _membership as membership
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotVisible
from portal.foundation.policies import require
from portal.foundation.services import records
from portal.notices.services.notices import notify
from portal.people.models import User

VALID_FOR = timedelta(days=14)
Role, Afterwards = ProjectMember.Role, HandOver.Afterwards


@transaction.atomic
def hand_over_propose(
    *, actor: Any, project: Project, successor: User | None, afterwards: str = Afterwards.MANAGER
) -> HandOver:
    """Ask a member to become the principal investigator; valid for 14 days.

    For the PI; where the PI was deactivated or has left the organisation, for the organisation's owners and
    programme admins, and then the PI leaves the project. Raises InvalidInput (successor, afterwards) and
    IllegalState where somebody is asked already.
    """
    require(actor, "projects.hand_over", project)
    project = membership.locked(project)
    if afterwards not in Afterwards.values:
        raise InvalidInput(_("Say what the present one does then."), field="afterwards")
    successor = _checked(project, successor)
    pending = project.hand_overs.filter(state=Asked.PENDING)
    if pending.filter(expires_at__gt=clock.now()).exists():
        raise IllegalState(
            _("Somebody is asked to take this project over already."), remedy=_("Withdraw that first.")
        )
    pending.update(state=Asked.WITHDRAWN, updated_at=clock.now())
    hand_over = records.insert(
        actor=actor,
        action="hand_over_propose",
        record=HandOver(
            project=project,
            successor=successor,
            proposed_by=actor,
            afterwards=Afterwards.LEAVES if pi_is_gone(project) else afterwards,
            expires_at=clock.now() + VALID_FOR,
        ),
        shown=("project", "successor", "afterwards", "expires_at"),
    )
    _tell(
        hand_over,
        [successor],
        kind="hand_over_proposed",
        subject=gettext_noop("You are asked to lead “%(project)s”"),
        body=gettext_noop(
            "%(by)s proposes you as the project's principal investigator. Accept or decline on the project's "
            "page within 14 days."
        ),
        by=actor,
    )
    return hand_over


@transaction.atomic
def hand_over_accept(*, actor: Any, hand_over: HandOver) -> Project:
    """Become the principal investigator. The one before stays in another role, or leaves, as was proposed.

    Raises NotVisible for anybody else, IllegalState where it is closed or the actor no longer qualifies.
    """
    project = membership.locked(hand_over.project)
    hand_over = _own(actor, hand_over)
    _checked(project, actor)
    before = (
        project.members.select_for_update(of=("self",)).select_related("user", "project").get(role=Role.PI)
    )
    after = project.members.select_for_update(of=("self",)).select_related("user").get(user=actor)
    leaves = hand_over.afterwards == Afterwards.LEAVES
    # One principal investigator at most is the database's rule, one at least is this transaction's.
    before.role = Role.MEMBER if leaves else hand_over.afterwards
    before.store("role")
    if before.role == Role.MEMBER:
        membership.end_offers(project, [before.user])
    after.role, after.cap_gpu_seconds = Role.PI, None
    after.store("role", "cap_gpu_seconds")
    _answer(actor, hand_over, Asked.ACCEPTED)
    pi = {"before": {"pi": before.user.code}, "after": {"pi": after.user.code}}
    membership.tell_changed(actor, "project_hand_over", project, **pi)
    if leaves:
        membership.end(actor=actor, action="project_member_remove", member=before)
    _tell(
        hand_over,
        {*User.objects.filter(project_roles__project=project).exclude(pk=actor.pk), before.user},
        kind="hand_over_accepted",
        subject=gettext_noop("%(by)s leads “%(project)s” now"),
        body=gettext_noop("The project was handed over to %(by)s, its new principal investigator."),
        by=actor,
    )
    return project


@transaction.atomic
def hand_over_decline(*, actor: Any, hand_over: HandOver) -> HandOver:
    """Say no. Raises NotVisible for anybody else, IllegalState where it is closed."""
    hand_over = _answer(actor, _own(actor, hand_over), Asked.DECLINED)
    _tell(
        hand_over,
        [hand_over.proposed_by],
        kind="hand_over_declined",
        subject=gettext_noop("%(by)s declined to lead “%(project)s”"),
        body=gettext_noop("The project keeps its principal investigator. You may ask another member."),
        by=actor,
    )
    return hand_over


@transaction.atomic
def hand_over_withdraw(*, actor: Any, hand_over: HandOver) -> HandOver:
    """Take the proposal back. For who may propose one. Raises IllegalState where it was answered."""
    hand_over = _row(hand_over)
    require(actor, "projects.hand_over", hand_over.project)
    if hand_over.state != Asked.PENDING:
        raise _closed()
    return _answer(actor, hand_over, Asked.WITHDRAWN)


def _checked(project: Project, successor: User | None) -> User:
    """Who leads a project could have proposed it: an active, proved member of its organisation."""
    member = project.members.filter(user=successor).first() if successor else None
    if not (successor and member and successor.is_active and successor.verified_addresses):
        raise InvalidInput(
            _("Only a member of the project with a verified address can lead it."),
            field="successor",
            remedy=_("Invite the person to the project first."),
        )
    if member.role == Role.PI:
        raise InvalidInput(_("This person leads the project already."), field="successor")
    if not successor.memberships.filter(organisation=project.organisation).exists():
        raise InvalidInput(
            _("%(person)s isn't a member of %(organisation)s.")
            % {"person": successor, "organisation": project.organisation},
            field="successor",
            remedy=_("One of the organisation's owners invites them to it first."),
        )
    return successor


def _row(hand_over: HandOver) -> HandOver:
    rows = HandOver.objects.select_for_update(of=("self",))
    return rows.select_related("project", "successor", "proposed_by").get(pk=hand_over.pk)


def _own(actor: Any, hand_over: HandOver) -> HandOver:
    hand_over = _row(hand_over)
    if hand_over.successor_id != actor.pk:
        raise NotVisible
    if not hand_over.is_open:
        raise _closed()
    return hand_over


def _closed() -> IllegalState:
    return IllegalState(
        _("This proposal was answered, withdrawn, or is out of date."),
        remedy=_("Ask the principal investigator to propose you again."),
    )


def _answer(actor: Any, hand_over: HandOver, state: str) -> HandOver:
    return records.update(
        actor=actor, action=f"hand_over_{state}", record=hand_over, changes={"state": state}
    )


def _tell(hand_over: HandOver, users: Any, *, kind: str, subject: str, body: str, by: Any) -> None:
    notify(
        users=users,
        kind=kind,
        subject=subject,
        body=body,
        params={"by": str(by), "project": hand_over.project.title},
        url=hand_over.project.get_absolute_url(),
    )
