"""Pages about Slurm accounts: what should be there, what is there, and what would be done."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from allocations.awards.models import Allocation
from allocations.awards.selectors import visible_to
from datacenters.models import Site
from datacenters.services import cluster_update
from portal.foundation.errors import DomainError
from portal.foundation.middleware import tell
from portal.foundation.policies import allowed, require
from portal.foundation.web import FormPage, Page, attach
from scheduler_bridge.provisioning.adoption import adoptable, slurm_account_adopt
from scheduler_bridge.provisioning.desired import parent_account
from scheduler_bridge.provisioning.drift import drift_of
from scheduler_bridge.provisioning.selectors import recent_runs
from scheduler_bridge.sites.reconcile import site_reconcile
from scheduler_bridge.sites.selectors import provisioned_at
from scheduler_bridge.sites.web.tabs import managed_site, tabs_of

PER_PAGE = 25
ONLY_MANAGERS = _("Only this site's managers and admins see this.")


def managed_allocation(user: Any, code: str) -> Allocation:
    """The allocation, for who runs its site. Raises Http404, NotAllowed."""
    allocation: Allocation = get_object_or_404(
        visible_to(user).select_related("resource__cluster", "resource__site", "project"), code=code
    )
    require(user, "datacenters.manage_site", allocation.resource.site, message=ONLY_MANAGERS)
    return allocation


class AllocationSlurm(Page):
    """One allocation's Slurm account as it should be and as it is: read from the cluster for this page."""

    title = _("Slurm account")
    template_name = "provisioning/allocation_slurm.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        allocation = managed_allocation(self.request.user, kwargs["code"])
        cluster = allocation.resource.cluster
        return super().get_context_data(
            object=allocation,
            line=drift_of([allocation], cluster)[0] if cluster else None,
            bindings=allocation.bindings.order_by("-generation"),
            runs=recent_runs(allocation),
            may_adopt=allowed(self.request.user, "datacenters.administer"),
            **kwargs,
        )


class Apply(LoginRequiredMixin, View):
    """A button: workers bring Slurm into line within seconds."""

    http_method_names = ["post"]

    def apply(self, request: HttpRequest, site: Site, allocation: Allocation | None) -> None:
        try:
            site_reconcile(actor=request.user, site=site, allocation=allocation)  # type: ignore[arg-type]
        except DomainError as error:
            tell(request, error)
        else:
            messages.success(request, gettext("Slurm is being brought into line; look again in a moment."))


class AllocationApply(Apply):
    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        allocation = managed_allocation(request.user, code)
        self.apply(request, allocation.resource.site, allocation)
        return redirect("allocation_slurm", code)


class SiteApply(Apply):
    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        self.apply(request, managed_site(request.user, code), None)
        return redirect("site_drift", code)


class SiteDrift(Page):
    """Every allocation's Slurm account at a site, and the one above them: as wanted and as found."""

    title = _("Drift")
    template_name = "provisioning/site_drift.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        site = managed_site(self.request.user, kwargs["code"])
        cluster = getattr(site, "cluster", None)
        allocations = provisioned_at(site).select_related("resource__cluster", "resource__site", "project")
        page = Paginator(allocations, PER_PAGE).get_page(self.request.GET.get("page"))
        lines = drift_of(page.object_list, cluster) if cluster and page.object_list else []
        return super().get_context_data(
            object=site,
            cluster=cluster,
            tabs=tabs_of(site, "site_drift"),
            page_obj=page,
            lines=lines,
            out_of_line=sum(not line.is_in_line for line in lines),
            parent=parent_account(),
            may_share=allowed(self.request.user, "datacenters.administer"),
            **kwargs,
        )


class ShareForm(forms.Form):
    lent_percent = forms.IntegerField(
        label=_("Share lent to the programme (percent)"),
        min_value=1,
        max_value=100,
        help_text=_("Of each resource's GPUs, rounded down. The rest stays with the site's own users."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=_("Kept in the audit."),
    )


class SiteShare(FormPage):
    """How much of the site's cluster is lent to the programme."""

    template_name = "provisioning/site_share.html"
    form_class = ShareForm
    title = _("Share lent to the programme")

    def prepare(self) -> None:
        require(self.request.user, "datacenters.administer")
        sites = Site.objects.select_related("cluster").filter(cluster__isnull=False)
        self.object = get_object_or_404(sites, code=self.kwargs["code"])

    def get_initial(self) -> dict[str, Any]:
        return {"lent_percent": self.object.cluster.lent_percent}

    def page_context(self) -> dict[str, Any]:
        return {"parent": parent_account()}

    def act(self, form: ShareForm) -> str:
        cluster_update(actor=self.request.user, cluster=self.object.cluster, **form.cleaned_data)
        site_reconcile(actor=self.request.user, site=self.object)  # type: ignore[arg-type]
        messages.success(self.request, gettext("Slurm is being brought into line; look again in a moment."))
        return reverse("site_drift", args=[self.object.code])


class AdoptForm(forms.Form):
    slurm_account = forms.CharField(
        label=_("Slurm account"),
        max_length=40,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("Its name at the site, as “sacctmgr show account” writes it."),
    )
    confirm = forms.BooleanField(
        label=_("The site agrees: the portal sets this Slurm account's limits from now on."),
        required=False,
    )
    # What was looked at: only that can be confirmed.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class Adopt(FormPage):
    """First a look at what is there; only what was looked at and confirmed is adopted."""

    template_name = "provisioning/adopt.html"
    form_class = AdoptForm
    title = _("Adopt a Slurm account")
    found: Any = None

    def prepare(self) -> None:
        self.object = managed_allocation(self.request.user, self.kwargs["code"])
        require(self.request.user, "datacenters.administer")

    def page_context(self) -> dict[str, Any]:
        return {"found": self.found}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self.show(form, status=422)
        name = form.cleaned_data["slurm_account"]
        if form.cleaned_data["confirm"] and form.cleaned_data["seen"] == name:
            return super().post(request, *args, **kwargs)
        try:
            self.found = adoptable(actor=request.user, allocation=self.object, name=name)  # type: ignore[arg-type]
        except DomainError as error:
            attach(form, error)
            return self.show(form, status=422)
        return self.show(self.form_class(initial={"slurm_account": name, "seen": name}))

    def act(self, form: AdoptForm) -> str:
        slurm_account_adopt(
            actor=self.request.user,  # type: ignore[arg-type]
            allocation=self.object,
            name=form.cleaned_data["slurm_account"],
        )
        messages.success(self.request, gettext("Adopted: its limits are being set."))
        return reverse("allocation_slurm", args=[self.object.code])
