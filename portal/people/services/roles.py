"""Programme-wide roles and auditors' scopes. Nobody gives roles to themselves."""

import re
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.foundation.errors import InvalidInput, NotAllowed
from portal.foundation.services import audit
from portal.people.models import AuditorScope, Organisation, ProgrammeRole, User
from portal.people.services._gate import require_admin, require_reason
from portal.people.services.announce import tell


@transaction.atomic
def role_grant(*, actor: Any, user: User, role: str, reason: str) -> ProgrammeRole:
    """Give somebody a programme-wide role; giving it twice changes nothing.

    `actor` None is the operator at the command line, who makes the first admin.
    Raises InvalidInput, NotAllowed, SecondFactorNeeded.
    """
    reason = _may_change(actor, user, reason)
    if role not in ProgrammeRole.Role.values:
        raise InvalidInput(
            _("There is no role “%(role)s”.") % {"role": role},
            field="role",
            remedy=_("Choose one of: %(roles)s.") % {"roles": ", ".join(ProgrammeRole.Role.values)},
        )
    row, is_new = ProgrammeRole.objects.get_or_create(user=user, role=role)
    if is_new:
        audit.record(actor=actor, action="role_grant", target=user, after={"role": role}, reason=reason)
        _tell(user, reason)
    return row


@transaction.atomic
def role_revoke(*, actor: Any, role: ProgrammeRole, reason: str) -> None:
    """Take a role away; an auditor's scopes go with it, so that none comes back unseen.

    Raises InvalidInput, NotAllowed, SecondFactorNeeded.
    """
    reason = _may_change(actor, role.user, reason)
    before: dict[str, Any] = {"role": role.role}
    if role.role == ProgrammeRole.Role.AUDITOR:
        scopes = role.user.auditor_scopes.all()
        before["scopes"] = [f"{scope.kind}:{scope.code}" for scope in scopes]
        scopes.delete()
    audit.record(actor=actor, action="role_revoke", target=role.user, before=before, reason=reason)
    role.delete()
    _tell(role.user, reason)


@transaction.atomic
def scope_grant(*, actor: Any, user: User, kind: str, code: str, reason: str) -> AuditorScope:
    """Let an auditor read the reports of one organisation, site or sector, or (kind `all`) of everything.

    Raises InvalidInput, NotAllowed, SecondFactorNeeded.
    """
    reason = _may_change(actor, user, reason)
    code = _checked_code(kind, code.strip())
    if "auditor" not in user.fresh().roles:
        raise InvalidInput(
            _("This person is no auditor."), field="kind", remedy=_("Grant the role “Auditor” first.")
        )
    row, is_new = AuditorScope.objects.get_or_create(user=user, kind=kind, code=code)
    if is_new:
        after = row.snapshot("kind", "code")
        audit.record(actor=actor, action="scope_grant", target=user, after=after, reason=reason)
    return row


@transaction.atomic
def scope_revoke(*, actor: Any, scope: AuditorScope, reason: str) -> None:
    """Narrow what an auditor may read. Raises InvalidInput, NotAllowed, SecondFactorNeeded."""
    reason = _may_change(actor, scope.user, reason)
    before = scope.snapshot("kind", "code")
    audit.record(actor=actor, action="scope_revoke", target=scope.user, before=before, reason=reason)
    scope.delete()


def _may_change(actor: Any, user: User, reason: str) -> str:
    if actor is not None:
        require_admin(actor)
        if actor.pk == user.pk:
            raise NotAllowed(_("Nobody changes their own roles. Ask another programme admin."))
    return require_reason(reason)


def _checked_code(kind: str, code: str) -> str:
    if kind not in AuditorScope.Kind.values:
        raise InvalidInput(_("There is no such kind of scope."), field="kind")
    if kind == AuditorScope.Kind.ALL:
        return ""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", code) or (
        kind == AuditorScope.Kind.ORGANISATION and not Organisation.objects.filter(code=code).exists()
    ):
        raise InvalidInput(
            _("“%(code)s” names nothing of this kind.") % {"code": code},
            field="code",
            remedy=_("Copy the code from the thing's own page, such as org-7f3k9q2m1x."),
        )
    return code


def _tell(user: User, reason: str) -> None:
    tell(
        users=[user],
        kind="roles_changed",
        subject=gettext_noop("Your roles on Taqseem have changed"),
        body=gettext_noop("A programme admin changed your roles. Reason: %(reason)s."),
        params={"reason": reason},
        url="/profile/",
    )
