"""Whose Linux user is whose, at each site."""

import re

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from datacenters.models import Cluster, Site
from portal.foundation.errors import IllegalState, InvalidInput, Refused
from portal.foundation.policies import require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.models import SiteLogin

# As useradd takes it. Longer ones don't fit Slurm's tables.
LOGIN = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
FORBIDDEN = {"root", "slurm", "munge", "daemon", "nobody", "tqportal"}


def login_of(user: User, allocation: Allocation) -> str:
    """The person's login at the allocation's site; on a sandbox it is made on the spot.

    Raises Refused (code `no_login`) where the site has linked none.
    """
    site = allocation.resource.site
    link = SiteLogin.objects.filter(user=user, site=site).first()
    if link is None and allocation.resource.cluster and allocation.resource.cluster.is_sandbox:
        link = _link(user=user, site=site, login=f"u{user.code.removeprefix('usr-')}", linked_by=None)
    if link is None:
        raise Refused(
            _("You have no login at %(site)s yet.") % {"site": site},
            remedy=_("Ask the site's managers to link your login there; then send the job again."),
            code="no_login",
        )
    return link.login


def login_link(*, actor: User, user: User, site: Site, login: str) -> SiteLogin:
    """Link a person to a Linux user of a site. Raises NotAllowed, SecondFactorNeeded, InvalidInput,
    IllegalState (in use)."""
    require(actor, "datacenters.manage_site", site)
    require_second_factor(actor)
    if login in _forbidden(site) or not LOGIN.fullmatch(login):
        raise InvalidInput(
            _("“%(login)s” can't be a person's login.") % {"login": login},
            field="login",
            remedy=_("Use the person's own Linux user at the site: letters, digits, - and _."),
        )
    return _link(user=user, site=site, login=login, linked_by=actor)


def _forbidden(site: Site) -> set[str]:
    """The system's own, and the one by which the portal sets limits: jobs under it could do so too."""
    return FORBIDDEN | set(Cluster.objects.filter(site=site).values_list("operator_login", flat=True))


def login_unlink(*, actor: User, link: SiteLogin) -> None:
    """End a link; the login is shut out of every Slurm account that it could use."""
    require(actor, "datacenters.manage_site", link.site)
    require_second_factor(actor)
    with transaction.atomic():
        audit.record(
            actor=actor,
            action="login_unlink",
            target=link.user,
            before={"site": link.site.code, "login": link.login},
        )
        _provision_for(link.user, link.site)
        link.delete()


def _link(*, user: User, site: Site, login: str, linked_by: User | None) -> SiteLogin:
    try:
        with transaction.atomic():
            link = SiteLogin.objects.create(user=user, site=site, login=login, linked_by=linked_by)
            audit.record(
                actor=linked_by, action="login_link", target=user, after={"site": site.code, "login": login}
            )
            _provision_for(user, site)
    except IntegrityError as error:
        raise IllegalState(
            _("This person or this login is linked already at %(site)s.") % {"site": site},
            field="login",
            remedy=_("End the other link first."),
        ) from error
    return link


def _provision_for(user: User, site: Site) -> None:
    """Every allocation that the person may use at this site is reconciled."""
    allocations = Allocation.objects.filter(resource__site=site, project__members__user=user)
    for code in allocations.values_list("code", flat=True):
        outbox.enqueue(topic="allocation_provision", payload={"allocation": code})
