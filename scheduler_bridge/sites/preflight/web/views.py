"""Pages of the preflight: the last run, earlier ones, the site's configuration, switching on."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from datacenters.models import Cluster
from portal.foundation.errors import DomainError
from portal.foundation.middleware import tell
from portal.foundation.policies import allowed, require
from portal.foundation.web import FormPage, Page
from scheduler_bridge.models import PreflightRun
from scheduler_bridge.sites.preflight import selectors, services
from scheduler_bridge.sites.preflight.lines import Result, Who
from scheduler_bridge.sites.preflight.web.forms import ConfigForm, SwitchOnForm
from scheduler_bridge.sites.web.tabs import managed_site, tabs_of

PER_PAGE = 10
TONES = {
    Result.PASSED: "success",
    Result.WARNING: "warning",
    Result.FAILED: "danger",
    Result.UNTRIED: "neutral",
}
VERDICT_TONES = {PreflightRun.Verdict.HARD_FENCE: "success", PreflightRun.Verdict.LEDGER_ONLY: "warning"}


def managed_cluster(user: Any, code: str) -> Cluster:
    """The site's cluster, for who runs the site. Raises Http404, NotAllowed."""
    site = managed_site(user, code)
    if not hasattr(site, "cluster"):
        raise Http404
    site.cluster.site = site
    return site.cluster


def run_context(run: PreflightRun | None) -> dict[str, Any]:
    """What the template of one run shows."""
    if run is None:
        return {"run": None}
    told = selectors.told(run)
    lines = [line | {"tone": TONES[line["result"]], "result": Result(line["result"]).label} for line in told]
    for line in lines:
        line["who"] = Who(line["who"]).label
    counts = [
        (result.label, TONES[result], sum(one["result"] == result for one in told)) for result in Result
    ]
    return {
        "run": run,
        "lines": lines,
        "counts": [count for count in counts if count[2]],
        "verdict_tone": VERDICT_TONES.get(PreflightRun.Verdict(run.verdict)) if run.verdict else "",
        "why_ledger_only": selectors.why_ledger_only(run),
        "why_not_fit": selectors.why_not_fit(run),
    }


class Preflight(Page):
    """The newest run; its lines come as they are found, by htmx or by reloading."""

    title = _("Preflight")
    template_name = "bridge/preflight.html"

    def get_template_names(self) -> list[str]:
        return ["bridge/_preflight_run.html" if self.request.htmx else self.template_name]  # type: ignore[attr-defined]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = managed_site(self.request.user, kwargs["code"])
        kwargs |= {"object": site, "tabs": tabs_of(site, "site_preflight")}
        if not hasattr(site, "cluster"):
            return super().get_context_data(**kwargs)
        cluster = managed_cluster(self.request.user, kwargs["code"])
        runs = selectors.visible_to(self.request.user).filter(cluster=cluster)
        return super().get_context_data(
            cluster=cluster,
            live=True,
            **run_context(selectors.latest(cluster)),
            report=selectors.config_report(cluster),
            page_obj=Paginator(runs, PER_PAGE).get_page(self.request.GET.get("page")),
            may_switch_on=not cluster.is_enabled and allowed(self.request.user, "datacenters.administer"),
            refusal=services.preflight_allows(cluster),
            **kwargs,
        )


class OneRun(Page):
    """An earlier run, as it was."""

    title = _("Preflight")
    template_name = "bridge/preflight_run.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        cluster = managed_cluster(self.request.user, kwargs["code"])
        runs = selectors.visible_to(self.request.user).filter(cluster=cluster)
        run = get_object_or_404(runs, code=kwargs["preflight"])
        return super().get_context_data(
            object=cluster.site,
            tabs=tabs_of(cluster.site, "site_preflight"),
            **run_context(run),
            **kwargs,
        )


class Panel(LoginRequiredMixin, View):
    """The last verdict, for the site's page; the page itself for who comes without htmx."""

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        cluster = managed_cluster(request.user, code)
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("site_preflight", code)
        page = {"object": cluster.site, **run_context(selectors.last_done(cluster))}
        return render(request, "bridge/_preflight_panel.html", page)


class Run(LoginRequiredMixin, View):
    """A button: have the preflight run now."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        cluster = managed_cluster(request.user, code)
        try:
            services.preflight_start(actor=request.user, cluster=cluster)  # type: ignore[arg-type]
        except DomainError as error:
            tell(request, error)
        else:
            messages.success(request, gettext("The preflight runs. Its lines appear here one by one."))
        return redirect("site_preflight", code)


class ClusterForm(FormPage):
    """A form about the site's cluster, which then goes back to the preflight."""

    def prepare(self) -> None:
        self.cluster = managed_cluster(self.request.user, self.kwargs["code"])
        self.object = self.cluster.site

    def back(self) -> str:
        return reverse("site_preflight", args=[self.object.code])


class Config(ClusterForm):
    template_name = "bridge/slurm_config.html"
    form_class = ConfigForm
    title = _("Show the Slurm configuration")
    submit_label = _("Keep")

    def page_context(self) -> dict[str, Any]:
        return {"report": selectors.config_report(self.cluster), "back": self.back()}

    def act(self, form: ConfigForm) -> str:
        services.slurm_config_report(
            actor=self.request.user,  # type: ignore[arg-type]
            cluster=self.cluster,
            text=form.cleaned_data["text"],
        )
        messages.success(self.request, gettext("The configuration is kept. The next preflight goes by it."))
        return self.back()


class SwitchOn(ClusterForm):
    template_name = "bridge/cluster_switch_on.html"
    form_class = SwitchOnForm
    title = _("Switch the cluster on")
    submit_label = _("Switch on")

    def prepare(self) -> None:
        super().prepare()
        require(self.request.user, "datacenters.administer")

    def page_context(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster,
            "refusal": services.preflight_allows(self.cluster),
            "back": self.back(),
        }

    def act(self, form: SwitchOnForm) -> str:
        services.cluster_switch_on(
            actor=self.request.user,  # type: ignore[arg-type]
            cluster=self.cluster,
            reason=form.cleaned_data["reason"],
        )
        messages.success(self.request, gettext("The cluster is switched on: jobs are sent to it."))
        return self.back()
