"""The keys with which an unbridged site signs."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.foundation.web import FormPage
from scheduler_bridge.sites.web.tabs import managed_site, tabs_of
from scheduler_bridge.uploads.keys import usage_key_register, usage_key_revoke
from scheduler_bridge.uploads.selectors import keys_visible_to
from scheduler_bridge.uploads.web.forms import KeyForm, RevokeForm

PER_PAGE = 25


class Keys(FormPage):
    """Registering a key, and the history of all."""

    template_name = "uploads/keys.html"
    form_class = KeyForm
    title = _("Keys that sign usage")
    submit_label = _("Register")

    def prepare(self) -> None:
        self.object = managed_site(self.request.user, self.kwargs["code"])

    def page_context(self) -> dict[str, Any]:
        keys = keys_visible_to(self.request.user).filter(site=self.object)
        return {
            "tabs": tabs_of(self.object, "usage_keys"),
            "page_obj": Paginator(keys, PER_PAGE).get_page(self.request.GET.get("page")),
        }

    def act(self, form: KeyForm) -> str:
        actor: Any = self.request.user
        key = usage_key_register(actor=actor, site=self.object, **form.cleaned_data)
        messages.success(self.request, gettext("“%s” is registered.") % key.name)
        return reverse("usage_keys", args=[self.object.code])


class Revoke(FormPage):
    form_class = RevokeForm
    title = _("Revoke the key")
    submit_label = _("Revoke")

    def prepare(self) -> None:
        self.object = get_object_or_404(keys_visible_to(self.request.user), code=self.kwargs["code"])

    def page_context(self) -> dict[str, Any]:
        site, back = self.object.site, reverse("usage_keys", args=[self.object.site.code])
        words = gettext("Nothing more that “%s” signs is taken. What was accepted stays.")
        return {
            "danger": True,
            "back_url": back,
            "crumbs": [
                {"label": site.name, "href": site.get_absolute_url()},
                {"label": gettext("Keys"), "href": back},
            ],
            "lede": words % self.object.name,
        }

    def act(self, form: RevokeForm) -> str:
        actor: Any = self.request.user
        usage_key_revoke(actor=actor, key=self.object, reason=form.cleaned_data["reason"])
        messages.success(self.request, gettext("The key is revoked."))
        return reverse("usage_keys", args=[self.object.site.code])
