"""Joining a recognised institution by one's address, and asking to manage what nobody manages."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import View

from portal.foundation.errors import DomainError
from portal.foundation.middleware import tell
from portal.foundation.policies import require
from portal.foundation.web import ActionView, FormPage
from portal.people.models import Organisation, OwnershipRequest
from portal.people.selectors import organisations_visible_to, ownership_requests_visible_to
from portal.people.services import ownership
from portal.people.services.recognition import institution_join
from portal.people.web.forms import ReasonForm
from portal.people.web.organisations import crumbs_of


class InstitutionJoin(LoginRequiredMixin, View):
    """A button for whoever has proved an address of a recognised institution."""

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("organisations")

    def post(self, request: HttpRequest) -> HttpResponse:
        user: Any = request.user
        is_first = not user.organisation_ids
        try:
            joined = institution_join(actor=user)
        except DomainError as error:
            tell(request, error)
            return redirect("organisations")
        messages.success(request, _("You belong to %(organisation)s.") % {"organisation": joined})
        # Who has just come goes on from the first page, where the next step stands.
        return redirect("home") if is_first else redirect(joined)


class OwnershipAsk(FormPage):
    form_class = ReasonForm
    title = gettext_lazy("Ask to manage this organisation")
    submit_label = gettext_lazy("Ask")

    def prepare(self) -> None:
        user = self.request.user
        self.object = get_object_or_404(organisations_visible_to(user), code=self.kwargs["code"])
        require(user, "people.ask_ownership", self.object)

    def page_context(self) -> dict[str, Any]:
        lede = _("Say in which function: a programme admin compares it with what the institution tells them.")
        return {"crumbs": crumbs_of(self.object), "back_url": self.object.get_absolute_url(), "lede": lede}

    def act(self, form: ReasonForm) -> Organisation:
        asked = ownership.ownership_ask(
            actor=self.request.user, organisation=self.object, **form.cleaned_data
        )
        messages.success(
            self.request,
            _("You manage %(organisation)s now.") % {"organisation": self.object}
            if asked.state == OwnershipRequest.State.CONFIRMED
            else _("You have asked. You get a notice and a mail once it is answered."),
        )
        return self.object  # type: ignore[no-any-return]


class OwnershipWithdraw(ActionView):
    selector = ownership_requests_visible_to

    def act(self, target: OwnershipRequest) -> str:
        ownership.ownership_withdraw(actor=self.request.user, asked=target)
        return _("Withdrawn.")


class OwnershipConfirm(ActionView):
    selector = ownership_requests_visible_to

    def page_of(self, target: OwnershipRequest) -> str:
        return reverse("verifications")

    def act(self, target: OwnershipRequest) -> str:
        ownership.ownership_confirm(actor=self.request.user, asked=target)
        names = {"person": target.user, "organisation": target.organisation}
        return _("%(person)s manages %(organisation)s now.") % names


class OwnershipDecline(FormPage):
    form_class = ReasonForm
    title = gettext_lazy("Decline")
    submit_label = gettext_lazy("Decline")

    def prepare(self) -> None:
        user = self.request.user
        self.object = get_object_or_404(ownership_requests_visible_to(user), code=self.kwargs["code"])
        require(user, "people.decide_ownership", self.object.organisation)

    def page_context(self) -> dict[str, Any]:
        href = reverse("verifications")
        return {
            "crumbs": [{"label": _("Verifications"), "href": href}],
            "back_url": href,
            "lede": str(self.object),
            "danger": True,
        }

    def act(self, form: ReasonForm) -> str:
        ownership.ownership_decline(actor=self.request.user, asked=self.object, **form.cleaned_data)
        messages.success(self.request, _("Declined. They were told why."))
        return reverse("verifications")
