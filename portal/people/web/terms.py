"""The terms of acceptable use: read by everybody, said yes to by each, written by programme admins."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.generic import TemplateView, View

from portal.foundation.policies import allowed, require
from portal.foundation.web import DetailPage, FormPage
from portal.people.models import Consent, TermsVersion
from portal.people.selectors import terms_in_force, terms_visible_to
from portal.people.services.terms import consent_give, terms_publish
from portal.people.web.forms import TermsForm

LANGUAGES = ("ur", "en")


class Terms(TemplateView):
    """The terms in force, in the reader's language: for everybody."""

    template_name = "people/terms.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user: Any = self.request.user
        terms = terms_in_force()
        page: dict[str, Any] = {
            "authority_name": settings.AUTHORITY_NAME,
            "terms": terms,
            "clauses": _clauses(terms),
        }
        if user.is_authenticated:
            page |= {
                "consent": Consent.objects.filter(user=user, terms=terms).first() if terms else None,
                "versions": terms_visible_to(user),
                "may_write": allowed(user, "people.administer"),
            }
        return super().get_context_data(**page, **kwargs)


class TermsVersionPage(DetailPage):
    """One version in both languages, also one that is over or to come."""

    selector = terms_visible_to
    template_name = "people/terms_version.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        version = self.find()
        texts = [(language, version.clauses(language)) for language in LANGUAGES]
        return {"object": version, "texts": texts, **kwargs}


class TermsWrite(FormPage):
    form_class = TermsForm
    title = gettext_lazy("New version of the terms")
    submit_label = gettext_lazy("Put in force")

    def prepare(self) -> None:
        require(self.request.user, "people.administer")

    def get_initial(self) -> dict[str, Any]:
        latest = terms_visible_to(self.request.user).first()
        return {"text_en": latest.text_en, "text_ur": latest.text_ur} if latest else {}

    def page_context(self) -> dict[str, Any]:
        href = reverse("terms")
        lede = _("From its first day everybody is asked anew, with their next request.")
        return {"crumbs": [{"label": _("Terms of use"), "href": href}], "back_url": href, "lede": lede}

    def act(self, form: TermsForm) -> TermsVersion:
        made = terms_publish(actor=self.request.user, **form.cleaned_data)
        messages.success(self.request, _("Version %(number)s is written.") % {"number": made.number})
        return made


class ConsentGive(LoginRequiredMixin, View):
    """A button: I accept the terms in force. Goes back to `next`, else to the terms."""

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("terms")

    def post(self, request: HttpRequest) -> HttpResponse:
        consent_give(request.user)
        messages.success(request, _("You accepted the terms of use."))
        after = request.POST.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(after, allowed_hosts=None)
        return redirect(after if is_ours else "terms")


def _clauses(terms: TermsVersion | None) -> list[str]:
    return terms.clauses(get_language() or "en") if terms else []
