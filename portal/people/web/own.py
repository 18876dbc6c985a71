"""One's own pages: profile, sign-in and security, API tokens."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from portal.foundation.web import ActionView, FormPage, Page
from portal.people.models import ApiToken
from portal.people.selectors import tokens_of
from portal.people.services.tokens import token_create, token_revoke
from portal.people.services.users import profile_change
from portal.people.web.forms import ProfileForm, TokenForm


def tabs(current: str) -> list[dict[str, Any]]:
    """The pages about oneself."""
    labels = {
        "profile": _("Profile"),
        "notice_settings": _("What you are told"),
        "security": _("Sign-in and security"),
        "tokens": _("API tokens"),
        "deputies": _("Deputies"),
    }
    return [
        {"label": label, "url": reverse(name), "current": name == current} for name, label in labels.items()
    ]


class Profile(FormPage):
    template_name = "people/profile.html"
    form_class = ProfileForm
    title = gettext_lazy("Profile")

    def get_initial(self) -> dict[str, Any]:
        user: Any = self.request.user
        return {"name": user.name, "language": user.language}

    def page_context(self) -> dict[str, Any]:
        user: Any = self.request.user
        return {
            "tabs": tabs("profile"),
            "memberships": user.memberships.select_related("organisation").order_by("organisation__name"),
            "roles": user.programme_roles.order_by("role"),
        }

    def act(self, form: ProfileForm) -> str:
        user = profile_change(actor=self.request.user, **form.cleaned_data)
        with translation.override(user.language):
            messages.success(self.request, _("Your profile was saved."))
        return "profile"


class Security(Page):
    """Everything about getting in, on one page; each line leads to where it is changed."""

    template_name = "people/security.html"
    title = gettext_lazy("Sign-in and security")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        kinds = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        return super().get_context_data(
            tabs=tabs("security"),
            addresses=user.emailaddress_set.order_by("-primary", "email"),
            has_totp="totp" in kinds,
            has_recovery_codes="recovery_codes" in kinds,
            passkeys=kinds.count("webauthn"),
            sessions=UserSession.objects.filter(user=user).count(),
            # Whoever decides or administers needs one; others are asked, not told.
            needs_second_factor=bool(user.roles) and not user.has_second_factor,
            **kwargs,
        )


class TokenList(Page):
    template_name = "people/token_list.html"
    title = gettext_lazy("API tokens")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(tabs=tabs("tokens"), tokens=tokens_of(self.request.user), **kwargs)


@method_decorator([never_cache, reauthentication_required(app="allauth.mfa")], name="dispatch")
class TokenCreate(FormPage):
    """Makes a token and shows it, this one time, in the answer to the POST: nowhere else does it exist."""

    form_class = TokenForm
    title = gettext_lazy("New API token")
    submit_label = gettext_lazy("Make the token")
    made: tuple[ApiToken, str] | None = None

    def page_context(self) -> dict[str, Any]:
        href = reverse("tokens")
        return {"crumbs": [{"label": _("API tokens"), "href": href}], "back_url": href}

    def act(self, form: TokenForm) -> str:
        self.made = token_create(actor=self.request.user, **form.cleaned_data)
        return "tokens"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        if self.made is None:
            return response
        token, secret = self.made
        return render(request, "people/token_made.html", {"token": token, "secret": secret})


class TokenRevoke(ActionView):
    selector = tokens_of

    def act(self, target: ApiToken) -> str:
        token_revoke(actor=self.request.user, token=target)
        return _("The token “%(name)s” no longer works.") % {"name": target.name}
