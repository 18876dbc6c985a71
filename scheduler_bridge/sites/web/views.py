"""How the connection to a site does."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from datacenters.models import Cluster
from portal.foundation import clock
from portal.foundation.errors import DomainError
from portal.foundation.formats import ago
from portal.foundation.middleware import tell
from portal.foundation.web import Page
from scheduler_bridge.models import ClusterGate
from scheduler_bridge.sites import selectors
from scheduler_bridge.sites.reconcile import site_reconcile
from scheduler_bridge.sites.web.tabs import managed_site, tabs_of

PER_PAGE = 25


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

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        return redirect("site_bridge", managed_site(request.user, code).code)

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
