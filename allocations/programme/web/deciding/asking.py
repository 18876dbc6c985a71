"""Asking one more site for its consent, so that a line may be placed there."""

from typing import Any

from django import forms
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from allocations.programme import selectors, services
from allocations.programme.models import AllocationRequest
from allocations.programme.services.consents import may_ask_more, sites_to_ask
from allocations.programme.web.views import RequestAct
from datacenters.models import Site
from portal.foundation.errors import IllegalState
from portal.foundation.policies import require


class AskSiteForm(forms.Form):
    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.none(),
        to_field_name="code",
        help_text=_("Its managers are asked; until it has consented no line can be placed there."),
    )

    def __init__(self, *args: Any, request: AllocationRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["site"].queryset = sites_to_ask(request)


class RequestAskSite(RequestAct):
    template_name = "programme/request_step.html"
    form_class = AskSiteForm
    title = _("Ask another site")
    submit_label = _("Ask the site")

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.detailed(self.actor), code=self.kwargs["code"])
        require(self.actor, "programme.decide_request", self.object)
        if not may_ask_more(self.object):
            raise IllegalState(_("No site is asked about this request now."))

    def form_options(self) -> dict[str, Any]:
        return {"request": self.object}

    def act(self, form: AskSiteForm) -> str:
        services.consent_ask(actor=self.actor, request=self.object, **form.cleaned_data)
        return f"{self.object.get_absolute_url()}decide/"
