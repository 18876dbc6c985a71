"""Telling both sides what becomes of a login."""

from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_noop

from datacenters.models import SiteRole
from portal.notices.services.notices import notify
from portal.people.models import User
from scheduler_bridge.models import SiteLogin

ASKED = (
    gettext_noop("%(person)s asks for the login “%(login)s” at %(site)s"),
    gettext_noop("Confirm it if the login is really theirs. Until then they can't send jobs."),
)
PROPOSED = (
    gettext_noop("Are you “%(login)s” at %(site)s?"),
    gettext_noop("The site's managers say that this login is yours. Confirm it; then you can send jobs."),
)
STEPS = {
    "confirm": (
        gettext_noop("Confirmed: %(person)s is “%(login)s” at %(site)s"),
        gettext_noop("Jobs sent through the portal run as this login."),
    ),
    "decline": (
        gettext_noop("Declined: %(person)s as “%(login)s” at %(site)s"),
        gettext_noop("The login isn't linked. Another one can be named."),
    ),
    "end": (
        gettext_noop("Ended: %(person)s as “%(login)s” at %(site)s"),
        gettext_noop("No further job is sent under this login. It can be linked again."),
    ),
}


def tell_opened(link: SiteLogin) -> None:
    """The side that has to confirm it."""
    if link.is_claim:
        _tell(_managers(link), link, "login_asked", ASKED, for_site=True)
    else:
        _tell([link.user], link, "login_proposed", PROPOSED, for_site=False)


def tell_step(link: SiteLogin, action: str, actor: User) -> None:
    """Both sides, but for who did it."""
    kind, words = f"login_{action}", STEPS[action]
    if actor != link.user:
        _tell([link.user], link, kind, words, for_site=False)
    else:
        _tell(_managers(link), link, kind, words, for_site=True)


def _managers(link: SiteLogin) -> Iterable[User]:
    """Who proposed it, or else all who run the site; where nobody does, the admins."""
    if not link.is_claim and link.linked_by is not None:
        return [link.linked_by]
    managing = Q(site_roles__site=link.site, site_roles__role=SiteRole.Role.MANAGER)
    managers = User.objects.filter(managing).exclude(pk=link.user_id).distinct()
    return managers if managers.exists() else User.objects.filter(programme_roles__role="admin").distinct()


def _tell(
    users: Iterable[User], link: SiteLogin, kind: str, words: tuple[str, str], *, for_site: bool
) -> None:
    subject, body = words
    notify(
        users=users,
        kind=kind,
        subject=subject,
        body=body,
        params={"person": link.user.name, "login": link.login, "site": str(link.site)},
        url=reverse("site_logins", args=[link.site.code]) if for_site else reverse("my_logins"),
    )
