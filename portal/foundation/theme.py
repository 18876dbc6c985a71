"""The switch between light and dark, kept in a cookie so that the first paint is already right."""

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

COOKIE = "theme"
THEMES = ("auto", "light", "dark")
YEAR_IN_SECONDS = 365 * 24 * 60 * 60


def theme_of(request: HttpRequest) -> str:
    """`light` or `dark` where the person chose one, else `auto` (follow the device)."""
    theme = request.COOKIES.get(COOKIE, "auto")
    return theme if theme in THEMES else "auto"


@require_POST
def set_theme(request: HttpRequest) -> HttpResponseBase:
    """Remember the posted `theme` and go back to `next`. An unknown theme means `auto`."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        target = "/"
    response = HttpResponseRedirect(target)
    theme = request.POST.get("theme", "auto")
    response.set_cookie(
        COOKIE,
        theme if theme in THEMES else "auto",
        max_age=YEAR_IN_SECONDS,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return response
