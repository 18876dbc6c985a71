"""Inviting an address to a project. Nobody is added without their own yes.

An invitation goes to an address, whether somebody here has it or not: it tells nobody who is registered.
"""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from allocations.projects.models import Asked, Project, ProjectInvitation, ProjectMember
from allocations.projects.services import _membership as membership
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotVisible, Refused
from portal.foundation.policies import require
from portal.foundation.services import records
from portal.notices.services.notices import notify
from portal.people.models import User
from portal.people.services.announce import mail
from portal.people.services.flooding import check_flooding

VALID_FOR = timedelta(days=14)
MOST_OPEN = 100
SEND_AGAIN_AFTER = timedelta(minutes=10)


@transaction.atomic
def project_invite(
    *, actor: Any, project: Project, email: str, role: str = ProjectMember.Role.MEMBER
) -> ProjectInvitation:
    """Ask an address to work on the project; who proves to own it may accept for 14 days.

    For the PI and managers; people of any organisation, or of none, are welcome. Raises InvalidInput (email)
    for no address, one that is invited already and a member's own; Refused where too many are open or were
    sent today.
    """
    require(actor, "projects.manage", project)
    project = membership.locked(project)
    membership.check_role(role)
    email = _checked(project, email)
    invitation = records.insert(
        actor=actor,
        action="project_invite",
        record=ProjectInvitation(
            project=project, email=email, role=role, invited_by=actor, expires_at=clock.now() + VALID_FOR
        ),
        shown=("project", "email", "role", "expires_at"),
    )
    _send(invitation)
    return invitation


@transaction.atomic
def invitation_resend(*, actor: Any, invitation: ProjectInvitation) -> ProjectInvitation:
    """Send an open or outdated invitation again; it is valid for 14 more days. For the PI and managers.

    Raises IllegalState where it was answered or withdrawn, Refused where it went out minutes ago, or
    too many were sent today.
    """
    require(actor, "projects.manage", invitation.project)
    project = membership.locked(invitation.project)
    invitation = _row(invitation)
    if invitation.state != Asked.PENDING:
        raise _closed()
    if invitation.updated_at > clock.now() - SEND_AGAIN_AFTER:
        raise Refused(
            _("It was sent a few minutes ago."), remedy=_("Wait ten minutes before you send it again.")
        )
    _check_room(project, invitation.email, besides=invitation)
    changes = {"expires_at": clock.now() + VALID_FOR}
    invitation = records.update(
        actor=actor, action="project_invitation_resend", record=invitation, changes=changes
    )
    _send(invitation)
    return invitation


@transaction.atomic
def invitation_withdraw(*, actor: Any, invitation: ProjectInvitation) -> ProjectInvitation:
    """Take an invitation back. For the PI and managers. Raises IllegalState where it was answered."""
    require(actor, "projects.manage", invitation.project)
    invitation = _row(invitation)
    if invitation.state != Asked.PENDING:
        raise _closed()
    return _answer(actor, invitation, Asked.WITHDRAWN)


@transaction.atomic
def invitation_accept(*, actor: Any, invitation: ProjectInvitation) -> ProjectMember:
    """Join. Raises NotVisible for anybody else's invitation, IllegalState for one that is closed."""
    project = membership.locked(invitation.project)
    invitation = _answer(actor, _own(actor, invitation), Asked.ACCEPTED)
    membership.check_not_in(project, actor)
    member = membership.join(
        actor=actor, project=project, role=invitation.role, action="project_member_join", by=invitation.code
    )
    tell_joined(member)
    return member


@transaction.atomic
def invitation_decline(*, actor: Any, invitation: ProjectInvitation) -> ProjectInvitation:
    """Say no. Raises NotVisible, IllegalState."""
    invitation = _answer(actor, _own(actor, invitation), Asked.DECLINED)
    notify(
        users=[invitation.invited_by],
        kind="project_invitation_declined",
        subject=gettext_noop("%(email)s declined to join “%(project)s”"),
        body=gettext_noop("The invitation to the project was declined."),
        params={"email": invitation.email, "project": invitation.project.title},
        url=invitation.project.get_absolute_url(),
    )
    return invitation


def tell_joined(member: ProjectMember) -> None:
    """The PI and managers learn who came in."""
    notify(
        users=membership.leaders_of(member.project).exclude(pk=member.user_id),
        kind="project_member_joined",
        subject=gettext_noop("%(person)s joined “%(project)s”"),
        body=gettext_noop("%(person)s works on the project from now on."),
        params={"person": str(member.user), "project": member.project.title},
        url=member.project.get_absolute_url(),
    )


def _checked(project: Project, email: str) -> str:
    try:
        validate_email(email := email.strip().lower())
    except ValidationError as error:
        raise InvalidInput(
            _("This is no e-mail address."), field="email", remedy=_("Write it like name@example.edu.pk.")
        ) from error
    if project.members.filter(
        user__emailaddress__email__iexact=email, user__emailaddress__verified=True
    ).exists():
        raise InvalidInput(
            _("This person is a member already."),
            field="email",
            remedy=_("Change their role in the list of members instead."),
        )
    pending = project.invitations.filter(state=Asked.PENDING, email__iexact=email)
    if pending.filter(expires_at__gt=clock.now()).exists():
        raise InvalidInput(
            _("This address is invited already."),
            field="email",
            remedy=_("Send the invitation again from the list of open ones, or withdraw it first."),
        )
    pending.update(state=Asked.WITHDRAWN, updated_at=clock.now())
    _check_room(project, email)
    return email


def _check_room(project: Project, email: str, *, besides: ProjectInvitation | None = None) -> None:
    """Nobody floods strangers' mail boxes."""
    check_flooding(
        to=ProjectInvitation.objects.filter(email__iexact=email),
        by=project.invitations.all(),
        actions={"project_invite", "project_invitation_resend"},
    )
    waiting = project.invitations.filter(state=Asked.PENDING, expires_at__gt=clock.now())
    if besides is not None:
        waiting = waiting.exclude(pk=besides.pk)
    if waiting.count() >= MOST_OPEN:
        raise Refused(
            _("%(count)s invitations are open, which is the most.") % {"count": MOST_OPEN},
            remedy=_("Withdraw some that you no longer need, or make a link for a whole group."),
        )


def _send(invitation: ProjectInvitation) -> None:
    person = invitation.invited_by
    text: dict[str, Any] = {
        "kind": "project_invited",
        "subject": gettext_noop("%(person)s invites you to the project “%(project)s”"),
        "body": gettext_noop(
            "%(person)s invites you to work on “%(project)s” of %(organisation)s on Taqseem, the national AI "
            "compute portal. Sign in, or sign up with this address, and accept within 14 days."
        ),
        "params": {
            "person": str(person),
            "project": invitation.project.title,
            "organisation": invitation.project.organisation.name,
        },
        "url": invitation.get_absolute_url(),
    }
    known = User.objects.filter(
        emailaddress__email__iexact=invitation.email, emailaddress__verified=True, is_active=True
    ).first()
    if known is not None:
        notify(users=[known], **text)
    else:
        mail(address=invitation.email, language=person.language, **text)


def _row(invitation: ProjectInvitation) -> ProjectInvitation:
    rows = ProjectInvitation.objects.select_for_update(of=("self",))
    return rows.select_related("project__organisation", "invited_by").get(pk=invitation.pk)


def _own(actor: Any, invitation: ProjectInvitation) -> ProjectInvitation:
    """The row, locked, if it is the actor's to answer now. Raises NotVisible, IllegalState."""
    invitation = _row(invitation)
    if invitation.email.lower() not in actor.verified_addresses:
        raise NotVisible
    if not invitation.is_open:
        raise _closed()
    return invitation


def _closed() -> IllegalState:
    return IllegalState(
        _("This invitation was answered, withdrawn, or is out of date."),
        remedy=_("Ask whoever invited you for a new one."),
    )


def _answer(actor: Any, invitation: ProjectInvitation, state: str) -> ProjectInvitation:
    action = f"project_invitation_{state}"
    return records.update(actor=actor, action=action, record=invitation, changes={"state": state})
