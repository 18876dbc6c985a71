"""Verification: submitting, the verifiers' queue, the page of one claim, its evidence."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import View

from portal.foundation.policies import allowed, require
from portal.foundation.web import ActionView, DetailPage, FormPage, ListPage, ObjectMixin
from portal.people import evidence, identifiers
from portal.people.filtersets import VerificationFilter
from portal.people.models import Organisation, Verification
from portal.people.models.organisation import WOMEN_LED
from portal.people.models.verification import words_needed
from portal.people.selectors import (
    evidence_visible_to,
    others_claiming,
    ownership_requests_to_decide,
    verifications_visible_to,
    words_that_count,
)
from portal.people.services import verifications
from portal.people.web.forms import AcceptForm, ReasonForm, VerificationForm
from portal.people.web.organisations import OrganisationFormPage

# How many requests to manage an organisation stand above the queue, the oldest first.
SHOWN = 25


class VerificationSubmit(OrganisationFormPage):
    form_class = VerificationForm
    title = gettext_lazy("Submit for verification")
    submit_label = gettext_lazy("Submit")

    def form_options(self) -> dict[str, Any]:
        return {"organisation": self.object}

    def get_initial(self) -> dict[str, Any]:
        return {"province": self.object.province, "women_led": self.object.women_led}

    def page_context(self) -> dict[str, Any]:
        lede = (
            _("Two verifiers who have no part in the agency compare the identifier with the evidence.")
            if words_needed(self.object.kind) > 1
            else _(
                "A verifier who has no part in the organisation compares the identifier with the evidence."
            )
        )
        return super().page_context() | {"lede": lede}

    def act(self, form: VerificationForm) -> Organisation:
        verifications.verification_submit(
            actor=self.request.user,
            organisation=self.object,
            identifier_kind=form.cleaned_data["identifier_kind"],
            identifier=form.cleaned_data["identifier"],
            province=form.cleaned_data["province"],
            women_led=form.cleaned_data["women_led"],
            upload=form.cleaned_data["evidence"],
        )
        messages.success(self.request, _("Submitted. You get a notice and a mail once it is decided."))
        return self.object  # type: ignore[no-any-return]


class VerificationList(ListPage):
    """The verifiers' queue, oldest first; `?state=` shows what was decided. Admins see who asks to manage."""

    selector = verifications_visible_to
    filterset_class = VerificationFilter
    template_name = "people/verification_list.html"
    title = gettext_lazy("Verifications")

    def get_filterset_kwargs(self, filterset_class: Any) -> dict[str, Any]:
        options: dict[str, Any] = super().get_filterset_kwargs(filterset_class)
        if not self.request.GET:
            options["data"] = QueryDict("state=pending&ordering=created_at")
        return options

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asked = ownership_requests_to_decide(self.request.user)[:SHOWN]
        return super().get_context_data(ownership_requests=asked, **kwargs)


class VerificationPage(DetailPage):
    selector = verifications_visible_to
    template_name = "people/verification.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        verification = self.find()
        is_verifier = allowed(user, "people.verify")
        words = list(verification.words.all())
        return {
            "object": verification,
            "women_led_means": WOMEN_LED,
            "words": words,
            "missing": verification.words_needed - words_that_count(verification).count(),
            "has_spoken": any(user.pk in (word.verifier_id, word.seat_id) for word in words),
            "kind": identifiers.label_of(verification.identifier_kind),
            "may_decide": allowed(user, "people.verify_organisation", verification),
            "is_verifier": is_verifier,
            "may_withdraw": allowed(user, "people.manage_organisation", verification.organisation),
            "may_read_evidence": evidence_visible_to(user).filter(pk=verification.pk).exists(),
            "others": others_claiming(verification) if is_verifier else [],
            **kwargs,
        }


class Evidence(ObjectMixin, View):
    """Streams the file to those who may read it."""

    selector = evidence_visible_to
    http_method_names = ["get"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> FileResponse:
        return evidence.response_of(self.find())


class Withdraw(ActionView):
    selector = verifications_visible_to

    def act(self, target: Verification) -> str:
        verifications.verification_withdraw(actor=self.request.user, verification=target)
        return _("Withdrawn. You can submit another.")


class DecisionPage(FormPage):
    """A form with which a verifier decides one claim."""

    def prepare(self) -> None:
        user = self.request.user
        self.object = get_object_or_404(verifications_visible_to(user), code=self.kwargs["code"])
        message = _("Only a verifier who has no part in the organisation may decide this.")
        require(user, "people.verify_organisation", self.object, message=message)

    def page_context(self) -> dict[str, Any]:
        href = self.object.get_absolute_url()
        crumbs = [
            {"label": _("Verifications"), "href": reverse("verifications")},
            {"label": self.object.organisation.name, "href": href},
        ]
        return {"crumbs": crumbs, "back_url": href, "lede": self.object.organisation.name}


class Accept(DecisionPage):
    form_class = AcceptForm
    title = gettext_lazy("Verify this organisation")
    submit_label = gettext_lazy("Verify")

    def form_options(self) -> dict[str, Any]:
        return {"verification": self.object}

    def act(self, form: AcceptForm) -> Verification:
        decided = verifications.verification_accept(
            actor=self.request.user,
            verification=self.object,
            **form.cleaned_data,
        )
        if decided.state == Verification.State.PENDING:
            messages.success(self.request, _("Your word is kept. A second verifier is asked for theirs."))
        else:
            messages.success(self.request, _("Verified. The owners were told."))
        return decided


class Refuse(DecisionPage):
    form_class = ReasonForm
    title = gettext_lazy("Refuse this verification")
    submit_label = gettext_lazy("Refuse")

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"danger": True}

    def act(self, form: ReasonForm) -> Verification:
        decided = verifications.verification_refuse(
            actor=self.request.user,
            verification=self.object,
            **form.cleaned_data,
        )
        messages.success(self.request, _("Refused. The owners were told why."))
        return decided


class Revoke(DecisionPage):
    form_class = ReasonForm
    title = gettext_lazy("Revoke this verification")
    submit_label = gettext_lazy("Revoke")

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {"danger": True}

    def act(self, form: ReasonForm) -> Verification:
        decided = verifications.verification_revoke(
            actor=self.request.user,
            verification=self.object,
            **form.cleaned_data,
        )
        messages.success(self.request, _("Revoked. The owners were told why."))
        return decided
