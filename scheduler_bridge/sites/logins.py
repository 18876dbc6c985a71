"""Whose Linux user is whose, at each site: one side says it, the other confirms it.

A site's manager *proposes* a login for a person, who confirms that it is theirs; or a person *asks* for their
own, and a manager confirms it. Only confirmed links are used for jobs.
"""

import re

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from allocations.awards.models import Allocation
from datacenters.models import Cluster, Site
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput, NotAllowed, Refused
from portal.foundation.policies import allowed, require, require_second_factor
from portal.foundation.services import audit, outbox
from portal.people.models import User
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites import login_notices
from scheduler_bridge.sites.selectors import sites_without_login
from scheduler_bridge.transitions import LOGIN, LoginState

# As useradd takes it. Longer ones don't fit Slurm's tables.
SHAPE = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
FORBIDDEN = {"root", "slurm", "munge", "daemon", "nobody", "tqportal"}


def login_of(user: User, allocation: Allocation) -> str:
    """The person's confirmed login at the allocation's site; on a sandbox it is made on the spot.

    Raises Refused (code `no_login`) where there is none.
    """
    site = allocation.resource.site
    link = SiteLogin.objects.filter(user=user, site=site, state=LoginState.CONFIRMED).first()
    if link is None and allocation.resource.cluster and allocation.resource.cluster.is_sandbox:
        link = _confirmed(user=user, site=site, login=f"u{user.code.removeprefix('usr-')}", linked_by=None)
    if link is None:
        raise Refused(
            _("You have no confirmed login at %(site)s yet.") % {"site": site},
            remedy=_("Open “My site logins”: confirm what the site proposed, or ask for your login there."),
            code="no_login",
        )
    return link.login


@transaction.atomic
def login_propose(*, actor: User, user: User, site: Site, login: str) -> SiteLogin:
    """Say, for the site, that `login` is this person's; it counts once the person has confirmed it.

    Raises NotAllowed, SecondFactorNeeded, InvalidInput (login), IllegalState (in use, or open already).
    """
    _require_site(actor, site)
    _refuse_taken(user, site, login)
    return _open(actor=actor, user=user, site=site, login=login)


@transaction.atomic
def login_ask(*, actor: User, site: Site, login: str) -> SiteLogin:
    """Name one's own login at a site; it counts once one of the site's managers has confirmed it.

    For people with an allocation there. Whether somebody else has the login is the managers' to know: they
    are told when they confirm it. Raises Refused (code `no_allocation`), InvalidInput, IllegalState.
    """
    _refuse_linked(actor, site)
    if not sites_without_login(actor).filter(pk=site.pk).exists():
        raise Refused(
            _("You have no allocation at %(site)s.") % {"site": site},
            field="site",
            remedy=_("Ask for GPU-hours there first, or be added to a project that has some."),
            code="no_allocation",
        )
    return _open(actor=actor, user=actor, site=site, login=login)


@transaction.atomic
def login_confirm(*, actor: User, link: SiteLogin) -> SiteLogin:
    """Agree with what the other side said: the login is let into the person's allocations.

    Raises NotAllowed for everybody but the other side, SecondFactorNeeded, IllegalState, and InvalidInput
    (login) where it has become one that is reserved since.
    """
    link = _locked(link)
    _require_other_side(actor, link)
    _check(link.site, link.login)
    _refuse_taken(link.user, link.site, link.login)
    _step(link, "confirm", actor)
    _provision_for(link.user, link.site)
    return link


@transaction.atomic
def login_decline(*, actor: User, link: SiteLogin) -> SiteLogin:
    """Say that it isn't so, or take back what one's own side said. Raises NotAllowed, IllegalState."""
    link = _locked(link)
    if actor != link.user:
        _require_site(actor, link.site)
    return _step(link, "decline", actor)


@transaction.atomic
def login_end(*, actor: User, link: SiteLogin) -> SiteLogin:
    """End a confirmed link: the login is shut out of every Slurm account that it could use.

    For the person and the site's managers. Raises NotAllowed, SecondFactorNeeded, IllegalState.
    """
    link = _locked(link)
    if actor != link.user:
        _require_site(actor, link.site)
    _step(link, "end", actor)
    _provision_for(link.user, link.site)
    return link


@transaction.atomic
def login_link(*, actor: User, user: User, site: Site, login: str) -> SiteLogin:
    """Link without asking anybody: for planted people, whose both sides are known. No page offers it."""
    _require_site(actor, site)
    _check(site, login)
    return _confirmed(user=user, site=site, login=login, linked_by=actor)


def may_confirm(actor: User, link: SiteLogin) -> bool:
    """Whether `actor` is the side that hasn't spoken yet. Nobody is both."""
    if link.state != LoginState.PROPOSED:
        return False
    if not link.is_claim:
        return actor == link.user
    return actor != link.user and allowed(actor, "datacenters.manage_site", link.site)


def _require_site(actor: User, site: Site) -> None:
    require(actor, "datacenters.manage_site", site)
    require_second_factor(actor)


def _require_other_side(actor: User, link: SiteLogin) -> None:
    LOGIN.target(state=link.state, action="confirm")
    if not may_confirm(actor, link):
        raise NotAllowed(
            _("Another of the site's managers confirms this.")
            if link.is_claim
            else _("Only the person confirms this login.")
        )
    if link.is_claim:
        require_second_factor(actor)


def _check(site: Site, login: str) -> None:
    """The system's own are nobody's, nor is the one by which the portal sets limits: jobs could do so too."""
    reserved = FORBIDDEN | set(Cluster.objects.filter(site=site).values_list("operator_login", flat=True))
    if login in reserved or not SHAPE.fullmatch(login):
        raise InvalidInput(
            _("“%(login)s” can't be a person's login.") % {"login": login},
            field="login",
            remedy=_("Use the person's own Linux user at the site: small letters, digits, - and _."),
        )


def _refuse_linked(user: User, site: Site) -> None:
    if _confirmed_at(site).filter(user=user).exists():
        raise _taken(site)


def _refuse_taken(user: User, site: Site, login: str) -> None:
    _refuse_linked(user, site)
    if _confirmed_at(site).filter(login=login).exists():
        raise _taken(site)


def _confirmed_at(site: Site) -> QuerySet[SiteLogin]:
    return SiteLogin.objects.filter(site=site, state=LoginState.CONFIRMED)


def _taken(site: Site) -> IllegalState:
    return IllegalState(
        _("This person or this login is linked already at %(site)s.") % {"site": site},
        field="login",
        remedy=_("End the other link first."),
    )


def _open(*, actor: User, user: User, site: Site, login: str) -> SiteLogin:
    _check(site, login)
    link = SiteLogin(user=user, site=site, login=login, linked_by=actor, state=LoginState.PROPOSED)
    try:
        with transaction.atomic():
            link.save()
    except IntegrityError as error:
        raise IllegalState(
            _("A login of this person waits to be confirmed at %(site)s already.") % {"site": site},
            field="login",
            remedy=_("Confirm it or take it back first."),
        ) from error
    action = "login_ask" if link.is_claim else "login_propose"
    audit.record(actor=actor, action=action, target=user, after=_told(link))
    login_notices.tell_opened(link)
    return link


def _confirmed(*, user: User, site: Site, login: str, linked_by: User | None) -> SiteLogin:
    try:
        with transaction.atomic():
            link = SiteLogin.objects.create(
                user=user, site=site, login=login, linked_by=linked_by, decided_at=clock.now()
            )
            audit.record(actor=linked_by, action="login_link", target=user, after=_told(link))
            _provision_for(user, site)
    except IntegrityError as error:
        raise _taken(site) from error
    return link


def _step(link: SiteLogin, action: str, actor: User) -> SiteLogin:
    """Take one step of the state table, and tell the audit and the people concerned."""
    before = _told(link)
    link.state = LOGIN.target(state=link.state, action=action)
    if action == "end":
        link.ended_at = clock.now()
    else:
        link.decided_by, link.decided_at = actor, clock.now()
    try:
        with transaction.atomic():
            link.store("state", "decided_by", "decided_at", "ended_at")
    except IntegrityError as error:
        raise _taken(link.site) from error
    audit.record(actor=actor, action=f"login_{action}", target=link.user, before=before, after=_told(link))
    login_notices.tell_step(link, action, actor)
    return link


def _locked(link: SiteLogin) -> SiteLogin:
    links = SiteLogin.objects.select_for_update(of=("self",)).select_related("user", "site", "linked_by")
    return links.get(pk=link.pk)


def _told(link: SiteLogin) -> dict[str, str]:
    return {"site": link.site.code, "login": link.login, "state": link.state}


def _provision_for(user: User, site: Site) -> None:
    """Every allocation that the person may use at this site is reconciled."""
    allocations = Allocation.objects.filter(resource__site=site, project__members__user=user)
    for code in allocations.values_list("code", flat=True):
        outbox.enqueue(topic="allocation_provision", payload={"allocation": code})
