"""Pages of a site's outages: everybody reads them, who runs the site records them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from datacenters import selectors, services
from datacenters.filtersets import OutageFilters
from datacenters.models import Outage, Site
from datacenters.web.forms import reason_field
from datacenters.web.manage import SiteForm
from datacenters.web.views import OpenToAll
from portal.foundation import clock
from portal.foundation.policies import allowed
from portal.foundation.web import ListPage

CLUSTER = "cluster"  # among the parts of a site; resources go by their code


def moment_field(label: Any, *, required: bool = True, help_text: Any = "") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class TimesForm(forms.Form):
    starts_at = moment_field(gettext_lazy("From"), help_text=gettext_lazy("Pakistan's time."))
    ends_at = moment_field(
        gettext_lazy("Until"),
        required=False,
        help_text=gettext_lazy("Empty: it goes on, and nobody knows for how long."),
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=gettext_lazy("Everybody reads it: what happened, and what is done about it."),
    )


class OutageForm(TimesForm):
    part = forms.ChoiceField(label=gettext_lazy("What is affected"), required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Outage.Kind.choices)
    cause = forms.ChoiceField(label=gettext_lazy("Cause"), choices=Outage.Cause.choices)
    field_order = ["part", "kind", "cause", "starts_at", "ends_at", "note"]

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parts = [("", _("The whole site"))]
        if getattr(site, "cluster", None):
            parts.append((CLUSTER, _("Its Slurm cluster")))
        parts += [(resource.code, str(resource)) for resource in site.resources.all()]
        self.fields["part"].choices = parts  # type: ignore[attr-defined]


class CorrectForm(TimesForm):
    reason = reason_field(gettext_lazy("Kept in the audit."))


class EndForm(forms.Form):
    ends_at = moment_field(
        gettext_lazy("Over since"), required=False, help_text=gettext_lazy("Empty: since now.")
    )


class WithdrawForm(forms.Form):
    reason = reason_field(gettext_lazy("Kept in the audit. It no longer counts anywhere."))


class OutageList(OpenToAll, ListPage):
    """The outages of one site, the latest first."""

    title = gettext_lazy("Outages")
    template_name = "datacenters/outage_list.html"
    filterset_class = OutageFilters

    def get_queryset(self) -> QuerySet[Outage]:
        user = self.request.user
        self.site = get_object_or_404(selectors.sites_visible_to(user), code=self.kwargs["code"])
        return selectors.outages_visible_to(user).filter(site=self.site)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "site": self.site,
            "may_manage": allowed(self.request.user, "datacenters.manage_site", self.site),
            "states": Outage.State,
        }


class OutagePage(OpenToAll):
    """One outage stands in the list of its site: its address leads there."""

    def get(self, request: HttpRequest, code: str, outage: str) -> HttpResponse:
        found = get_object_or_404(selectors.outages_visible_to(request.user), site__code=code, code=outage)
        return redirect(f"{reverse('site_outages', args=[code])}#{found.code}")


class SiteOutageForm(SiteForm):
    """A form about outages of the site of the address; afterwards their list."""

    permission = "datacenters.manage_site"
    done: Any = ""

    def page_context(self) -> dict[str, Any]:
        return {"back_url": self.list_url}

    @property
    def list_url(self) -> str:
        return reverse("site_outages", args=[self.site.code])

    def change(self, form: Any) -> None:
        """Call the service."""
        raise NotImplementedError

    def act(self, form: Any) -> str:
        self.change(form)
        messages.success(self.request, self.done)
        return self.list_url


class OutageNew(SiteOutageForm):
    form_class = OutageForm
    title = gettext_lazy("Record an outage")
    submit_label = gettext_lazy("Record")
    done = gettext_lazy("Recorded. The projects that compute there are told.")

    def form_options(self) -> dict[str, Any]:
        return {"site": self.site}

    def get_initial(self) -> dict[str, Any]:
        return {"starts_at": clock.now().replace(second=0, microsecond=0), "kind": Outage.Kind.UNPLANNED}

    def change(self, form: Any) -> None:
        data = dict(form.cleaned_data)
        part = data.pop("part")
        data["cluster"] = self.site.cluster if part == CLUSTER else None
        data["resource"] = next((each for each in self.site.resources.all() if each.code == part), None)
        services.outage_record(actor=self.actor, site=self.site, **data)


class OneOutage(SiteOutageForm):
    def prepare(self) -> None:
        super().prepare()
        self.outage = get_object_or_404(
            selectors.outages_visible_to(self.actor).filter(site=self.site), code=self.kwargs["outage"]
        )


class OutageEnd(OneOutage):
    form_class = EndForm
    title = gettext_lazy("End the outage")
    submit_label = gettext_lazy("It is over")
    done = gettext_lazy("The outage is over.")

    def change(self, form: Any) -> None:
        services.outage_end(actor=self.actor, outage=self.outage, **form.cleaned_data)


class OutageCorrect(OneOutage):
    form_class = CorrectForm
    title = gettext_lazy("Correct the outage")
    done = gettext_lazy("Corrected.")

    def get_initial(self) -> dict[str, Any]:
        return self.kept(self.outage)

    def change(self, form: Any) -> None:
        services.outage_correct(actor=self.actor, outage=self.outage, **form.cleaned_data)


class OutageWithdraw(OneOutage):
    form_class = WithdrawForm
    title = gettext_lazy("Withdraw the outage")
    submit_label = gettext_lazy("Withdraw")
    done = gettext_lazy("Withdrawn: it no longer counts.")

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"danger": True}

    def change(self, form: Any) -> None:
        services.outage_withdraw(actor=self.actor, outage=self.outage, **form.cleaned_data)
