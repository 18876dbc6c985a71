"""What the frame around every page needs: navigation with its counts, theme.

Every page pays for it, so it costs few queries: roles are remembered on the user, and whether a sandbox is
in use in the cache.
"""

from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from allocations.lifecycle.selectors import pending_count as pending_changes
from allocations.programme.selectors import pending_count
from allocations.reviews.selectors import open_count as open_reviews
from datacenters.models import Cluster
from datacenters.selectors import sites_managed_by
from portal.foundation.policies import allowed
from portal.foundation.theme import theme_of
from portal.notices.selectors import late_mail_count, unread_count
from portal.people.selectors import pending_verifications
from scheduler_bridge.installation import standing

SANDBOX_KNOWN_SECONDS = 60

Item = dict[str, Any]
Entry = tuple[Any, str]  # label, name of the address

PUBLIC: list[Entry] = [
    (_("Home"), "home"),
    (_("Sites"), "sites"),
    (_("Calls"), "calls"),
    (_("How awards are decided"), "tracks"),
    (_("Estimate GPU-hours"), "estimate"),
    (_("Register of awards"), "register"),
]
MAIN: list[Entry] = [
    (_("Home"), "home"),
    (_("Projects"), "projects"),
    (_("Calls"), "calls"),
    (_("Requests"), "requests"),
    (_("Allocations"), "allocations"),
    (_("Jobs"), "jobs"),
    (_("Reports"), "reports"),
    (_("Sites"), "sites"),
    (_("Programmes"), "programmes"),
    (_("Fair shares"), "quotas"),
]
PERSONAL: list[Entry] = [
    (_("Profile"), "profile"),
    (_("Organisations"), "organisations"),
    (_("My site logins"), "my_logins"),
    (_("Deputies"), "deputies"),
    (_("API tokens"), "tokens"),
    (_("Sign-in and security"), "security"),
]
FOOTER: list[Entry] = [
    (_("How awards are decided"), "tracks"),
    (_("Estimate GPU-hours"), "estimate"),
    (_("Register of awards"), "register"),
    (_("Check an award letter"), "letters"),
    (_("API documentation"), "docs"),
    (_("Terms of use"), "terms"),
    (_("System status"), "status"),
]


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context of templates/base.html; `docs/design-system.md` says what it expects."""
    page: dict[str, Any] = {
        "authority_name": settings.AUTHORITY_NAME,
        "demo_mode": settings.DEMO_MODE,
        "theme": theme_of(request),
        "sandbox_in_use": SimpleLazyObject(sandbox_in_use),
        "footer_nav": _items(request, FOOTER),
    }
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {**page, "nav": _items(request, PUBLIC)}
    return {
        **page,
        "nav": _items(request, MAIN) + _duties(request, user),
        "user_nav": _items(request, PERSONAL),
        "sending_troubles": standing.troubles_in_short() if allowed(user, "bridge.stop_sending") else [],
        "unread_notices": SimpleLazyObject(lambda: unread_count(user)),
    }


def sandbox_in_use() -> bool:
    """Whether any site is a sandbox; known for a minute."""

    def look() -> bool:
        return Cluster.objects.filter(is_sandbox=True, is_enabled=True).exists()

    return bool(cache.get_or_set("sandbox_in_use", look, SANDBOX_KNOWN_SECONDS))


def manages_a_site(user: Any) -> bool:
    """Whether the person manages any site; known for a minute, so that most pages pay nothing for it."""

    def look() -> bool:
        return sites_managed_by(user).exists()

    return bool(cache.get_or_set(f"manages_a_site:{user.code}", look, SANDBOX_KNOWN_SECONDS))


def _duties(request: HttpRequest, user: Any) -> list[Item]:
    """What waits for people with a role."""
    duties: list[Item] = []
    if allowed(user, "programme.decide_requests") or manages_a_site(user):
        duties += _items(request, [(_("To decide"), "requests_pending")], badge=pending_count(user))
    if allowed(user, "lifecycle.decide_changes"):
        waiting = pending_changes(user)
        duties += _items(request, [(_("Changes to decide"), "changes_pending")], badge=waiting)
    if allowed(user, "reviews.review"):
        duties += _items(request, [(_("Reviews"), "reviews")], badge=open_reviews(user))
    if allowed(user, "reviews.see_panel"):
        duties += _items(request, [(_("Panel"), "review_panel")])
    if allowed(user, "reviews.manage_pool"):
        duties += _items(request, [(_("Reviewers"), "reviewer_pool")])
    if allowed(user, "lifecycle.see_reclaim"):
        duties += _items(request, [(_("Use it or lose it"), "reclaim_cases")])
    if allowed(user, "people.verify"):
        duties += _items(request, [(_("To verify"), "verifications")], badge=pending_verifications(user))
    if allowed(user, "people.administer"):
        duties += _items(request, [(_("People and roles"), "people")])
        duties += _items(request, [(_("Recognised institutions"), "institutions")])
    if allowed(user, "notices.see_waiting_mail"):
        duties += _items(request, [(_("Mail that waits"), "waiting_mail")], badge=late_mail_count())
    if allowed(user, "bridge.stop_sending"):
        duties += _items(request, [(_("Sending of jobs"), "sending")])
    return duties


def _items(request: HttpRequest, entries: list[Entry], *, badge: int = 0) -> list[Item]:
    return [
        {"label": label, "url": url, "current": _is_current(request.path, url), "badge": badge}
        for label, url in ((label, reverse(name)) for label, name in entries)
    ]


def _is_current(path: str, url: str) -> bool:
    return path == url if url == "/" else path.startswith(url)
