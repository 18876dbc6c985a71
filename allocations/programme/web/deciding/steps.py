"""Pages of the other steps: a check, a site's answer, a conflict of interest, the thread."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.programme import selectors, services
from allocations.programme.models import AllocationRequest, Conflict, SiteConsent, WaitingEntry
from allocations.programme.policies import may_read_internal, seat_for_site
from allocations.programme.services.steps import StepClosed
from allocations.programme.web.deciding.forms import CheckForm, ConflictForm, ConsentForm, MessageForm
from allocations.programme.web.deciding.rounds import AboutRound
from allocations.programme.web.views import RequestAct, find
from portal.foundation.middleware import tell
from portal.foundation.policies import allowed, require
from portal.foundation.web import ActionView

SHOWN = 50
# What whoever checks looks at, by the kind of step.
LOOK_AT = {
    "eligibility": _(
        "May they ask? The organisation is verified, the project its own, and the purpose keeps to the terms."
    ),
    "technical": _(
        "Can it run? The runs explain the amount, fit the resource's GPUs and longest jobs, and can resume."
    ),
    "ethics": _("Is the declared risk right, and is enough done about it? Whose data is it, who is harmed?"),
}


class RequestCheck(RequestAct):
    """Pass or fail the step that is open."""

    template_name = "programme/request_step.html"
    form_class = CheckForm
    title = _("Check a request")
    submit_label = _("Record the check")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except StepClosed as error:  # Sent twice, or late: told where the request stands.
            tell(request, error)
            return redirect(self.object)

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.detailed(self.actor), code=self.kwargs["code"])
        form = CheckForm(self.request.POST)
        form.is_valid()
        if may_read_internal(self.actor, self.object):
            services.require_still_open(self.object, **_meant(form))
        self.object = find(self, "check")

    def page_context(self) -> dict[str, Any]:
        step = selectors.open_step_of(self.object)
        return {"step": step, "look_at": LOOK_AT.get(step.kind, "") if step else ""}

    def get_initial(self) -> dict[str, Any]:
        step = selectors.open_step_of(self.object)
        return {"kind": step.kind, "round": step.round} if step else {}

    def act(self, form: CheckForm) -> AllocationRequest:
        typed = {name: form.cleaned_data[name] for name in ("passed", "note")}
        return services.step_close(actor=self.actor, request=self.object, **typed, **_meant(form))


def _meant(form: CheckForm) -> dict[str, Any]:
    """Which step the form was opened for."""
    return {name: form.cleaned_data.get(name) or None for name in ("kind", "round")}


class RequestConsent(AboutRound):
    """A site's answer."""

    template_name = "programme/request_step.html"
    form_class = ConsentForm
    title = _("Answer for the site")
    submit_label = _("Record the answer")

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.detailed(self.request.user), code=self.kwargs["code"])
        self.consent = next(
            (
                consent
                for consent in self.object.consents.all()
                if consent.round == self.object.round and consent.site.code == self.kwargs["site"]
            ),
            None,
        )
        if self.consent is None:
            raise Http404
        require(self.request.user, "programme.answer_for_site", self.consent)

    def get_initial(self) -> dict[str, Any]:
        return {"round": self.object.round}

    def page_context(self) -> dict[str, Any]:
        assert self.consent is not None  # noqa: S101 - `prepare` found it
        return {"consent": self.consent, "takes_over": seat_for_site(self.actor, self.consent) is None}

    def act(self, form: ConsentForm) -> AllocationRequest:
        assert self.consent is not None  # noqa: S101 - `prepare` found it
        consent: SiteConsent = services.consent_answer(
            actor=self.actor, request=self.object, site=self.consent.site, **form.cleaned_data
        )
        return consent.request


class RequestConflict(RequestAct):
    """Step aside."""

    template_name = "programme/request_step.html"
    form_class = ConflictForm
    title = _("Declare a conflict of interest")
    submit_label = _("Declare it")

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.detailed(self.request.user), code=self.kwargs["code"])
        require(self.request.user, "programme.declare_conflict", self.object)

    def act(self, form: ConflictForm) -> str:
        conflict = services.conflict_declare(actor=self.actor, request=self.object, **form.cleaned_data)
        if conflict.severity not in Conflict.BLOCKING:
            return self.object.get_absolute_url()
        messages.success(
            self.request,
            gettext("You stepped aside: the request %(code)s is hidden from you.")
            % {"code": self.object.code},
        )
        return reverse("requests")


class RequestThread(RequestAct):
    """Questions and answers: a page of its own, and a panel of the request's page for htmx."""

    template_name = "programme/request_thread.html"
    form_class = MessageForm
    title = _("Questions and answers")
    submit_label = _("Send")

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.detailed(self.request.user), code=self.kwargs["code"])
        self.internal = may_read_internal(self.request.user, self.object)

    def form_options(self) -> dict[str, Any]:
        return {"internal": self.internal}

    def page_context(self) -> dict[str, Any]:
        return {
            "thread": selectors.messages_of(self.object, internal=self.internal)[:SHOWN],
            "may_write": allowed(self.request.user, "programme.talk_about_request", self.object),
        }

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.headers.get("HX-Request") != "true":
            return super().get(request, *args, **kwargs)
        page = {"object": self.object, **self.page_context(), "form": self.form_class(**self.form_options())}
        return render(request, "programme/_thread.html", page)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        require(self.actor, "programme.talk_about_request", self.object)
        return super().post(request, *args, **kwargs)

    def act(self, form: MessageForm) -> str:
        services.message_write(actor=self.actor, request=self.object, **form.cleaned_data)
        return f"{self.object.get_absolute_url()}thread/"


class WaitingWithdraw(ActionView):
    """Give up a place on the waiting list."""

    selector = selectors.visible_to

    def act(self, target: AllocationRequest) -> str:
        entry = get_object_or_404(
            WaitingEntry, decision_line__decision__request=target, code=self.kwargs["entry"]
        )
        services.waiting_withdraw(actor=self.request.user, entry=entry)  # type: ignore[arg-type]
        return gettext("The place on the waiting list is given up. What was awarded stays.")
