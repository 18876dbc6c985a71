"""Pages about who is who at the sites: for the person, and for those who run a site."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.foundation.errors import DomainError
from portal.foundation.web import ActionView, FormPage, Page, attach
from scheduler_bridge.models import SiteLogin
from scheduler_bridge.sites import selectors
from scheduler_bridge.sites.filtersets import LoginsOfSiteFilters
from scheduler_bridge.sites.login_import import logins_import
from scheduler_bridge.sites.logins import (
    login_ask,
    login_confirm,
    login_decline,
    login_end,
    login_propose,
    may_confirm,
)
from scheduler_bridge.sites.web.forms import AskForm, ImportForm, LoginForm
from scheduler_bridge.sites.web.tabs import managed_site, tabs_of
from scheduler_bridge.transitions import LoginState

PER_PAGE = 25


class MyLogins(Page):
    """One's own logins at the sites, what waits for a word, and where one is still missing."""

    title = _("My site logins")
    template_name = "bridge/my_logins.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        viewer: Any = self.request.user
        mine = selectors.logins_visible_to(viewer).filter(user=viewer)
        open_ones = list(mine.filter(state=LoginState.PROPOSED))
        asked = {link.site_id for link in open_ones}
        return super().get_context_data(
            page_obj=Paginator(mine.order_by("-pk"), PER_PAGE).get_page(self.request.GET.get("page")),
            to_confirm=[link for link in open_ones if may_confirm(viewer, link)],
            missing=[site for site in selectors.sites_without_login(viewer) if site.pk not in asked],
            **kwargs,
        )


class LoginAsk(FormPage):
    """Naming one's own login."""

    template_name = "bridge/login_ask.html"
    form_class = AskForm
    title = _("Ask for your login")
    submit_label = _("Ask")

    def form_options(self) -> dict[str, Any]:
        return {"user": self.request.user}

    def get_initial(self) -> dict[str, Any]:
        return {"site": self.request.GET.get("site", "")}

    def act(self, form: AskForm) -> str:
        actor: Any = self.request.user
        link = login_ask(actor=actor, **form.cleaned_data)
        messages.success(self.request, gettext("The managers of %(site)s were asked.") % {"site": link.site})
        return reverse("my_logins")


class LoginAction(ActionView):
    """A button about one login; it leads back to the page of whoever pressed it."""

    selector = selectors.logins_visible_to

    def page_of(self, target: SiteLogin) -> str:
        return page_of(self.request.user, target)


class LoginConfirm(LoginAction):
    def act(self, target: SiteLogin) -> str:
        actor: Any = self.request.user
        link = login_confirm(actor=actor, link=target)
        words = {"person": link.user, "login": link.login, "site": link.site}
        return gettext("%(person)s is now %(login)s at %(site)s.") % words


class LoginDecline(LoginAction):
    def act(self, target: SiteLogin) -> str:
        actor: Any = self.request.user
        login_decline(actor=actor, link=target)
        return gettext("The login isn't linked.")


class LoginEnd(FormPage):
    template_name = "bridge/login_end.html"
    form_class = forms.Form
    title = _("End the link")
    submit_label = _("End the link")

    def prepare(self) -> None:
        links = selectors.logins_visible_to(self.request.user)
        self.object = get_object_or_404(links, code=self.kwargs["code"], state=LoginState.CONFIRMED)

    def page_context(self) -> dict[str, Any]:
        return {"back_url": page_of(self.request.user, self.object)}

    def act(self, form: forms.Form) -> str:
        actor: Any = self.request.user
        login_end(actor=actor, link=self.object)
        messages.success(self.request, gettext("The link was ended."))
        return page_of(actor, self.object)


class SiteLogins(FormPage):
    """Who is who at the site: what waits for the managers' word, and who can't send jobs yet."""

    template_name = "bridge/site_logins.html"
    form_class = LoginForm
    title = _("Site logins")
    submit_label = _("Propose")

    def prepare(self) -> None:
        self.object = managed_site(self.request.user, self.kwargs["code"])

    def get_initial(self) -> dict[str, Any]:
        return {"email": self.request.GET.get("email", "")}

    def page_context(self) -> dict[str, Any]:
        viewer: Any = self.request.user
        waiting, claims = selectors.without_login(self.object), selectors.claims_at(self.object)
        links = selectors.logins_visible_to(viewer).filter(site=self.object)
        found = LoginsOfSiteFilters(self.request.GET, queryset=links)
        return {
            "tabs": tabs_of(self.object, "site_logins"),
            # The viewer runs the site, or wouldn't be here.
            "claims": [(link, link.user_id != viewer.pk) for link in claims[:PER_PAGE]],
            "claims_count": claims.count(),
            "waiting": waiting[:PER_PAGE],
            "waiting_count": waiting.count(),
            "filter": found,
            "page_obj": Paginator(found.qs, PER_PAGE).get_page(self.request.GET.get("page")),
        }

    def act(self, form: LoginForm) -> str:
        actor: Any = self.request.user
        user = selectors.person_at(form.cleaned_data["email"])
        login = form.cleaned_data["login"]
        login_propose(actor=actor, user=user, site=self.object, login=login)
        words = {"person": user, "login": login}
        messages.success(self.request, gettext("%(person)s was asked to confirm %(login)s.") % words)
        return reverse("site_logins", args=[self.object.code])


class LoginsImport(FormPage):
    """Proposing many at once; the answer names every row that couldn't be."""

    template_name = "bridge/logins_import.html"
    form_class = ImportForm
    title = _("Propose many logins")
    submit_label = _("Propose")

    def prepare(self) -> None:
        self.object = managed_site(self.request.user, self.kwargs["code"])

    def page_context(self) -> dict[str, Any]:
        return {"back_url": reverse("site_logins", args=[self.object.code]), "done": self.done}

    done = None

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        form = ImportForm(request.POST, request.FILES)
        if not form.is_valid():
            return self.show(form, status=422)
        try:
            self.done = logins_import(actor=request.user, site=self.object, table=form.cleaned_data["table"])
        except DomainError as error:
            attach(form, error)
            return self.show(form, status=422)
        return self.show(form)


def page_of(viewer: Any, link: SiteLogin) -> str:
    """The page on which this viewer deals with the login."""
    own = viewer.pk == link.user_id
    return reverse("my_logins") if own else reverse("site_logins", args=[link.site.code])
