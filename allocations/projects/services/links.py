"""Joining by a secret link. Whoever opens it proves to know the secret, of which only a hash is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.projects.models import Project, ProjectLink, ProjectMember
from allocations.projects.services import _membership as membership
from allocations.projects.services.invitations import tell_joined
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotVisible, Refused
from portal.foundation.policies import require
from portal.foundation.services import audit, records

USUAL = timedelta(days=7)
LONGEST = timedelta(days=90)
MOST_OPEN = 20
SHOWN = ("project", "role", "expires_at", "most_uses")


@transaction.atomic
def link_make(
    *,
    actor: Any,
    project: Project,
    role: str = ProjectMember.Role.MEMBER,
    expires_at: datetime | None = None,
    most_uses: int | None = None,
) -> tuple[ProjectLink, str]:
    """Make a link and return it with its secret, which is known from this moment on to the caller alone.

    Valid for a week unless told otherwise, 90 days at most; `most_uses` None: as often as wanted until then.
    For the PI and managers. Raises InvalidInput (role, expires_at, most_uses), Refused.
    """
    require(actor, "projects.manage", project)
    project = membership.locked(project)
    membership.check_role(role)
    expires_at = expires_at or clock.now() + USUAL
    _check(project, expires_at, most_uses)
    secret = secrets.token_urlsafe(32)
    link = ProjectLink(
        project=project,
        digest=digest_of(secret),
        role=role,
        made_by=actor,
        expires_at=expires_at,
        most_uses=most_uses,
    )
    return records.insert(actor=actor, action="project_link_make", record=link, shown=SHOWN), secret


@transaction.atomic
def link_revoke(*, actor: Any, link: ProjectLink) -> ProjectLink:
    """Nobody joins by it any more; who joined stays. For the PI and managers. Raises IllegalState."""
    require(actor, "projects.manage", link.project)
    link = ProjectLink.objects.select_for_update(of=("self",)).select_related("project").get(pk=link.pk)
    if link.revoked_at is not None:
        raise IllegalState(_("This link was revoked already."))
    return records.update(
        actor=actor, action="project_link_revoke", record=link, changes={"revoked_at": clock.now()}
    )


@transaction.atomic
def link_join(*, actor: Any, link: ProjectLink) -> ProjectMember:
    """Join by a link whose secret the actor has shown to know (`link_of`).

    Raises IllegalState where it is closed or the actor is in already (which takes no use of it), NotAllowed.
    """
    membership.check_may_join(actor)
    project = membership.locked(link.project)
    link = ProjectLink.objects.select_for_update(of=("self",)).get(pk=link.pk)
    if not link.is_open:
        raise closed()
    membership.check_not_in(project, actor)
    link.uses += 1
    link.store("uses")
    member = membership.join(
        actor=actor, project=project, role=link.role, action="project_member_join", by=link.code
    )
    audit.record(actor=actor, action="project_link_use", target=link, after={"uses": link.uses})
    tell_joined(member)
    return member


def link_of(secret: str) -> ProjectLink:
    """The open link with this secret. Raises NotVisible: wrong, out of date and used up look the same."""
    links = ProjectLink.objects.select_related("project__organisation", "made_by")
    link = links.filter(digest=digest_of(secret)).first()
    if link is None or not link.is_open or link.project.archived_at is not None:
        raise NotVisible(
            _("This link doesn't work (any more)."), remedy=_("Ask whoever gave it to you for a new one.")
        )
    return link


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def closed() -> IllegalState:
    """Why a link that was once opened lets nobody in now."""
    return IllegalState(
        _("This link was revoked, used up, or is out of date."),
        code="link_closed",
        remedy=_("Ask whoever gave it to you for a new one."),
    )


def _check(project: Project, expires_at: datetime, most_uses: int | None) -> None:
    if not clock.now() < expires_at <= clock.now() + LONGEST:
        raise InvalidInput(
            _("A link ends within 90 days."),
            field="expires_at",
            remedy=_("Choose a nearer day in the future."),
        )
    if most_uses is not None and most_uses < 1:
        raise InvalidInput(
            _("A link is used once at least."), field="most_uses", remedy=_("Leave it empty for no limit.")
        )
    if sum(link.is_open for link in project.links.filter(revoked_at=None)) >= MOST_OPEN:
        raise Refused(
            _("%(count)s links are open, which is the most.") % {"count": MOST_OPEN},
            remedy=_("Revoke some that you no longer need."),
        )
