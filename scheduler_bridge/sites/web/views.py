"""Pages about sites as the bridge knows them: logins, and how the connection does."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from datacenters.models import Cluster, Site
from portal.foundation import clock
from portal.foundation.errors import DomainError
from portal.foundation.formats import ago
from portal.foundation.middleware import tell
from portal.foundation.policies import require
from portal.foundation.web import FormPage, Page
from scheduler_bridge.models import ClusterGate, SiteLogin
from scheduler_bridge.sites import selectors
from scheduler_bridge.sites.logins import login_link, login_unlink
from scheduler_bridge.sites.reconcile import site_reconcile
from scheduler_bridge.sites.web.forms import LoginForm

PER_PAGE = 25


def managed_site(user: Any, code: str) -> Site:
    """The site, for who runs it. Raises Http404, NotAllowed."""
    site: Site = get_object_or_404(Site.objects.select_related("cluster"), code=code)
    require(
        user, "datacenters.manage_site", site, message=_("Only this site's managers and admins see this.")
    )
    return site


def tabs_of(site: Site, current: str) -> list[dict[str, Any]]:
    """The pages of one site that the bridge draws."""
    pages = (("site_bridge", _("Connection")), ("site_logins", _("Logins")))
    return [
        {"label": label, "url": reverse(name, args=[site.code]), "current": name == current}
        for name, label in pages
    ]


class MyLogins(Page):
    """One's own logins at the sites, and where one is still missing."""

    title = _("My site logins")
    template_name = "bridge/my_logins.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        viewer: Any = self.request.user
        return super().get_context_data(
            links=selectors.logins_visible_to(viewer).filter(user=viewer),
            missing=selectors.sites_without_login(viewer),
            **kwargs,
        )


class SiteLogins(FormPage):
    """Who is who at the site; above all, who can't send jobs yet."""

    template_name = "bridge/site_logins.html"
    form_class = LoginForm
    title = _("Site logins")
    submit_label = _("Link")

    def prepare(self) -> None:
        self.object = managed_site(self.request.user, self.kwargs["code"])

    def get_initial(self) -> dict[str, Any]:
        return {"email": self.request.GET.get("email", "")}

    def page_context(self) -> dict[str, Any]:
        waiting = selectors.without_login(self.object)
        links = selectors.logins_visible_to(self.request.user).filter(site=self.object)
        return {
            "tabs": tabs_of(self.object, "site_logins"),
            "waiting": waiting[:PER_PAGE],
            "waiting_count": waiting.count(),
            "page_obj": Paginator(links, PER_PAGE).get_page(self.request.GET.get("page")),
        }

    def act(self, form: LoginForm) -> str:
        user = selectors.person_at(form.cleaned_data["email"])
        link = login_link(
            actor=self.request.user,  # type: ignore[arg-type]
            user=user,
            site=self.object,
            login=form.cleaned_data["login"],
        )
        words = {"person": user, "login": link.login}
        messages.success(self.request, gettext("%(person)s is now %(login)s at this site.") % words)
        return reverse("site_logins", args=[self.object.code])


class SiteLoginUnlink(FormPage):
    template_name = "bridge/site_login_unlink.html"
    form_class = forms.Form
    title = _("End the link")
    submit_label = _("End the link")

    def prepare(self) -> None:
        site = managed_site(self.request.user, self.kwargs["code"])
        links = SiteLogin.objects.select_related("user", "site")
        self.object = get_object_or_404(links, site=site, user__code=self.kwargs["user"])

    def act(self, form: forms.Form) -> str:
        login_unlink(actor=self.request.user, link=self.object)  # type: ignore[arg-type]
        messages.success(self.request, gettext("The link was ended."))
        return reverse("site_logins", args=[self.object.site.code])


class SiteBridge(Page):
    """How the connection to the site's cluster does, and what stands in Slurm for each allocation."""

    title = _("Connection to Slurm")
    template_name = "bridge/site_bridge.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = managed_site(self.request.user, kwargs["code"])
        cluster = getattr(site, "cluster", None)
        allocations = Paginator(selectors.provisioned_at(site), PER_PAGE).get_page(
            self.request.GET.get("page")
        )
        runs = selectors.latest_runs(allocations)
        uncertain = list(selectors.uncertain_at(site)[: PER_PAGE + 1])
        return super().get_context_data(
            object=site,
            cluster=cluster,
            tabs=tabs_of(site, "site_bridge"),
            **sending_to(cluster),
            counts=selectors.open_counts(site),
            page_obj=allocations,
            rows=[(allocation, runs.get(allocation.pk)) for allocation in allocations],
            uncertain=uncertain[:PER_PAGE],
            more_uncertain=len(uncertain) > PER_PAGE,
            **kwargs,
        )


def sending_to(cluster: Cluster | None) -> dict[str, Any]:
    """Whether anything is sent to the cluster now, and what last kept it from being."""
    if cluster is None:
        return {}
    gate = ClusterGate.objects.filter(cluster=cluster).first()
    state = gettext("Open")
    if not settings.DISPATCH_ENABLED:
        state = gettext("Off: nothing is sent to any site at present")
    elif gate and gate.closed_until and gate.closed_until > clock.now():
        state = format_html(
            gettext("Shut after {} failures, opens {}"), gate.failures, ago(gate.closed_until)
        )
    kind = gettext("Sandbox") if cluster.is_sandbox else gettext("Real Slurm")
    return {"gate": gate, "gate_state": state, "kind": kind}


class SiteReconcile(LoginRequiredMixin, View):
    """A button: have all allocations of the site, or the one named by `allocation`, reconciled."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        site = managed_site(request.user, code)
        one = request.POST.get("allocation")
        allocation = get_object_or_404(selectors.provisioned_at(site), code=one) if one else None
        try:
            count = site_reconcile(actor=request.user, site=site, allocation=allocation)  # type: ignore[arg-type]
        except DomainError as error:
            tell(request, error)
        else:
            words = ngettext(
                "%d allocation is being compared with Slurm.",
                "%d allocations are being compared with Slurm.",
                count,
            )
            messages.success(request, words % count)
        return redirect("site_bridge", site.code)
