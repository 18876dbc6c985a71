"""What the frame around every page needs: navigation with its counts, theme.

Every page pays for it, so it costs few queries: roles are remembered on the user, and whether a sandbox is
in use in the cache.
"""

from collections.abc import Callable
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
from datacenters.policies import seated_at
from portal.foundation.policies import allowed
from portal.foundation.theme import theme_of
from portal.notices.selectors import late_mail_count, unread_count
from portal.people.selectors import pending_verifications
from scheduler_bridge.installation import standing

SANDBOX_KNOWN_SECONDS = 60
DUTIES_KNOWN_SECONDS = 15

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


def answers_for_a_site(user: Any) -> bool:
    """Whether the person, or whom they stand in for, manages a site; known for a minute."""

    def look() -> bool:
        return bool(seated_at(user).exists())

    return bool(cache.get_or_set(f"answers_for_a_site:{user.code}", look, SANDBOX_KNOWN_SECONDS))


def _duties(request: HttpRequest, user: Any) -> list[Item]:
    """What waits for people with a role, each with how much of it. Remembered for a few seconds."""
    known = cache.get_or_set(_duties_key(user), lambda: _waiting(user), DUTIES_KNOWN_SECONDS) or {}
    return [
        item
        for label, url, _shown, _count in DUTIES
        if url in known
        for item in _items(request, [(label, url)], badge=known[url])
    ]


def forget_duties(user: Any) -> None:
    """What this person just did may have changed what waits for them."""
    cache.delete(_duties_key(user))


def _duties_key(user: Any) -> str:
    return f"duties:{user.code}"


def _waiting(user: Any) -> dict[str, int]:
    """By the name of its address: each duty that the person has, and how much waits."""
    return {url: count(user) for _label, url, shown, count in DUTIES if shown(user)}


def _may(permission: str) -> Callable[[Any], bool]:
    return lambda user: allowed(user, permission)


def _nothing(user: Any) -> int:
    """For what is looked at, not worked off."""
    return 0


def _decides(user: Any) -> bool:
    return allowed(user, "programme.decide_requests") or answers_for_a_site(user)


# Label, name of the address, who sees it, how much waits there.
DUTIES: list[tuple[Any, str, Callable[[Any], bool], Callable[[Any], int]]] = [
    (_("To decide"), "requests_pending", _decides, pending_count),
    (_("Changes to decide"), "changes_pending", _may("lifecycle.decide_changes"), pending_changes),
    (_("Reviews"), "reviews", _may("reviews.review"), open_reviews),
    (_("Panel"), "review_panel", _may("reviews.see_panel"), _nothing),
    (_("Reviewers"), "reviewer_pool", _may("reviews.manage_pool"), _nothing),
    (_("Use it or lose it"), "reclaim_cases", _may("lifecycle.see_reclaim"), _nothing),
    (_("To verify"), "verifications", _may("people.verify"), pending_verifications),
    (_("People and roles"), "people", _may("people.administer"), _nothing),
    (_("Recognised institutions"), "institutions", _may("people.administer"), _nothing),
    (_("Mail that waits"), "waiting_mail", _may("notices.see_waiting_mail"), lambda user: late_mail_count()),
    (_("Sending of jobs"), "sending", _may("bridge.stop_sending"), _nothing),
]


def _items(request: HttpRequest, entries: list[Entry], *, badge: int = 0) -> list[Item]:
    return [
        {"label": label, "url": url, "current": _is_current(request.path, url), "badge": badge}
        for label, url in ((label, reverse(name)) for label, name in entries)
    ]


def _is_current(path: str, url: str) -> bool:
    return path == url if url == "/" else path.startswith(url)
