"""Sites: what they are, what data they may hold, who runs them."""

from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from datacenters.models import Accreditation, Cluster, DataClass, Site, SiteRole
from datacenters.services._gate import require_admin, require_manager, require_reason
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.services import audit, records

SITE_FIELDS = ("code", "name", "kind", "city", "province", "description", "source", "is_open", "illustrative")
# A code stands in addresses, in Slurm and in reports: it never changes.
EDITABLE = frozenset(SITE_FIELDS) - {"code"}


@transaction.atomic
def site_create(*, actor: Any, **fields: Any) -> Site:
    """Add a site; `fields` are SITE_FIELDS. For admins. Raises InvalidInput, NotAllowed."""
    require_admin(actor)
    return records.insert(actor=actor, action="site_create", record=Site(**fields), shown=SITE_FIELDS)


@transaction.atomic
def site_update(*, actor: Any, site: Site, reason: str = "", **changes: Any) -> Site:
    """Change what is said about a site; `changes` are EDITABLE. Its kind is for admins to change.

    Raises InvalidInput, IllegalState, NotAllowed.
    """
    require_manager(actor, site)
    records.only(changes, EDITABLE)
    if changes.get("kind", site.kind) != site.kind:
        _check_kind(actor, site, changes["kind"])
    return records.update(actor=actor, action="site_update", record=site, changes=changes, reason=reason)


def _check_kind(actor: Any, site: Site, kind: str) -> None:
    require_admin(actor)
    if kind == Site.Kind.UNBRIDGED and Cluster.objects.filter(site=site).exists():
        raise IllegalState(
            _("This site has a cluster: what runs there is read from its accounting."),
            field="kind",
            remedy=_("Switch the cluster off instead."),
        )


@transaction.atomic
def accreditation_set(
    *, actor: Any, site: Site, data_class: str, expires_on: date, reference: str = ""
) -> Accreditation:
    """Record or renew the site's permission to hold a class of data, until `expires_on` (included).

    For admins. Raises InvalidInput for a class that needs none or that no site may hold, and for a past date.
    """
    require_admin(actor)
    if data_class == DataClass.SECRET:
        raise InvalidInput(_("Secret data is refused at every site."), field="data_class")
    if data_class in {DataClass.OPEN, DataClass.PUBLIC}:
        raise InvalidInput(_("Every site may hold this class without an accreditation."), field="data_class")
    if expires_on < clock.today():
        raise InvalidInput(
            _("This date has passed."), field="expires_on", remedy=_("Give the last day on which it holds.")
        )
    known = site.accreditations.filter(data_class=data_class).first()
    if known is not None:
        changes = {"expires_on": expires_on, "reference": reference}
        return records.update(
            actor=actor, action="accreditation_set", record=known, changes=changes, target=site
        )
    fresh = Accreditation(site=site, data_class=data_class, expires_on=expires_on, reference=reference)
    shown = ("data_class", "expires_on", "reference")
    return records.insert(actor=actor, action="accreditation_set", record=fresh, shown=shown, target=site)


@transaction.atomic
def accreditation_withdraw(*, actor: Any, site: Site, data_class: str, reason: str) -> None:
    """End an accreditation at once; the audit keeps what it was. For admins. Raises IllegalState."""
    require_admin(actor)
    reason = require_reason(reason, _("Say why the accreditation is withdrawn."))
    accreditation = site.accreditations.select_for_update().filter(data_class=data_class).first()
    if accreditation is None:
        raise IllegalState(_("This site has no such accreditation."))
    before = accreditation.snapshot("data_class", "expires_on", "reference")
    audit.record(actor=actor, action="accreditation_withdraw", target=site, before=before, reason=reason)
    accreditation.delete()


@transaction.atomic
def site_role_grant(*, actor: Any, site: Site, user: Any, role: str) -> SiteRole:
    """Let `user` run the site. For admins. Granting what is there changes nothing."""
    require_admin(actor)
    if role not in SiteRole.Role.values:
        raise InvalidInput(_("There is no such role at a site."), field="role")
    granted, is_new = SiteRole.objects.get_or_create(site=site, user=user, role=role)
    if is_new:
        after = {"user": user.code, "role": role}
        audit.record(actor=actor, action="site_role_grant", target=site, after=after)
    return granted


@transaction.atomic
def site_role_revoke(*, actor: Any, site: Site, user: Any, role: str) -> None:
    """Take a role back. For admins. Raises IllegalState where `user` doesn't have it."""
    require_admin(actor)
    if not SiteRole.objects.filter(site=site, user=user, role=role).delete()[0]:
        raise IllegalState(_("This person doesn't have this role here."))
    audit.record(
        actor=actor, action="site_role_revoke", target=site, before={"user": user.code, "role": role}
    )
