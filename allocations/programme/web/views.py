"""Pages of requests."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from allocations.awards.capacity import coming_quarters, open_capacity
from allocations.awards.history import events
from allocations.programme import selectors, services
from allocations.programme.checks import problems, warnings
from allocations.programme.filtersets import RequestFilters
from allocations.programme.models import AllocationRequest
from allocations.programme.policies import PERMISSION_OF, actions_for
from allocations.programme.web.forms import RequestForm, WithdrawForm
from allocations.projects.selectors import organisations_to_propose_for
from portal.foundation.errors import IllegalState, NotAllowed
from portal.foundation.policies import allowed, require
from portal.foundation.units import hours_to_seconds, seconds_to_hours
from portal.foundation.web import DetailPage, FormPage, ListPage

FIRST_A_PROJECT = _("Begin a project first, or ask a project's principal investigator to make you a manager.")
TITLES = {
    "request_create": _("Draft begun"),
    "request_submit": _("Submitted"),
    "request_return": _("Returned with a question"),
    "request_approve": _("Approved"),
    "request_decline": _("Declined"),
    "request_withdraw": _("Withdrawn"),
}
NEXT_STEPS = {
    "draft": _("Complete it and submit it. Nobody but the project and its organisation sees a draft."),
    "submitted": _("A programme admin or the council decides. You will be told."),
    "under_review": _("It is under review. You will be told of the decision."),
    "returned": _("Answer the question below, change what needs changing, and submit it again."),
    "approved": _("The award is a budget on the allocation below."),
    "declined": _("It is closed. The reason stands below; a new request may answer it."),
    "withdrawn": _("It is closed."),
}


class RequestList(ListPage):
    title = _("Requests")
    template_name = "programme/request_list.html"
    selector = selectors.visible_to
    filterset_class = RequestFilters

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        leads = selectors.projects_led_by(self.request.user).exists()
        return super().get_context_data(may_ask=leads, **kwargs)


class PendingRequests(ListPage):
    """What waits for this decider's word, oldest first."""

    title = _("Requests to decide")
    template_name = "programme/request_pending.html"
    selector = selectors.pending_for
    filterset_class = RequestFilters

    def get_queryset(self) -> models.QuerySet[Any]:
        require(
            self.request.user,
            "programme.decide_requests",
            message=_("Only programme admins and the council decide about requests."),
        )
        return super().get_queryset()


class RequestPage(DetailPage):
    template_name = "programme/request_detail.html"
    selector = selectors.detailed

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        page = super().get_context_data(**kwargs)
        request: AllocationRequest = page["object"]
        actions = actions_for(self.request.user, request)
        return page | {
            "line": next(iter(request.lines.all()), None),
            "decisions": list(request.decisions.all())[::-1],
            "actions": actions,
            "next_step": NEXT_STEPS[request.state],
            "problems": problems(request) if "submit" in actions else [],
            "events": events(request, TITLES),
            "sees_project": allowed(self.request.user, "projects.view", request.project),
        }


class RequestAct(FormPage):
    """A form about one request, or about one that is to be."""

    @property
    def actor(self) -> Any:
        return self.request.user


class RequestFormPage(RequestAct):
    """What the form of a new request and that of a draft share."""

    template_name = "programme/request_form.html"
    form_class = RequestForm
    submit_label = _("Continue to submit")

    def form_options(self) -> dict[str, Any]:
        return {"user": self.actor, "request": self.object, "draft": "draft" in self.request.POST}

    def page_context(self) -> dict[str, Any]:
        quarters = coming_quarters()
        return {"quarters": quarters, "open_capacity": open_capacity(quarters)}

    def after(self, request: AllocationRequest) -> str:
        """Where to go once the draft is kept: its page, or on to submit it."""
        page = request.get_absolute_url()
        return page if "draft" in self.request.POST else f"{page}submit/"


class RequestNew(RequestFormPage):
    """Asking for GPU-hours. Who leads no project is led to begin one: that comes first."""

    title = _("New request")

    def prepare(self) -> None:
        self.leads = selectors.projects_led_by(self.actor).exists()
        if not self.leads and self.request.method == "POST":
            raise NotAllowed(_("You lead no project yet."), remedy=FIRST_A_PROJECT)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.leads:
            return super().get(request, *args, **kwargs)
        messages.info(request, gettext("You lead no project yet.") + f" {FIRST_A_PROJECT}")
        # Projects belong to organisations: who is in none begins with that.
        may_begin = organisations_to_propose_for(self.actor).exists()
        return redirect("project_new" if may_begin else "organisations")

    def get_initial(self) -> dict[str, Any]:
        led = list(selectors.projects_led_by(self.actor)[:2])
        only = led[0].code if len(led) == 1 else None
        asked = self.request.GET
        return {"project": asked.get("project", only), "resource": asked.get("resource")}

    def act(self, form: RequestForm) -> str:
        return self.after(services.request_create(actor=self.actor, **typed(form)))


class RequestEdit(RequestFormPage):
    title = _("Change the request")

    def prepare(self) -> None:
        self.object = find(self, "edit")

    def get_initial(self) -> dict[str, Any]:
        line = self.object.lines.get()
        hours = seconds_to_hours(line.gpu_seconds).normalize() if line.gpu_seconds else None
        return {
            "project": self.object.project,
            "resource": line.resource,
            "gpu_hours": f"{hours:f}" if hours is not None else "",
            "starts_on": self.object.starts_on,
            "ends_on": self.object.ends_on,
            "justification": self.object.justification,
        }

    def act(self, form: RequestForm) -> str:
        return self.after(services.request_update(actor=self.actor, request=self.object, **typed(form)))


class RequestSubmit(RequestAct):
    """Read it once more, see what is missing, then submit."""

    template_name = "programme/request_submit.html"
    form_class = forms.Form
    title = _("Submit the request")

    def prepare(self) -> None:
        self.object = find(self, "submit")

    def page_context(self) -> dict[str, Any]:
        return {
            "line": self.object.lines.all()[0],
            "problems": problems(self.object),
            "warnings": warnings(self.object),
        }

    def act(self, form: Any) -> AllocationRequest:
        return services.request_submit(actor=self.actor, request=self.object)


class RequestWithdraw(RequestAct):
    template_name = "programme/request_withdraw.html"
    form_class = WithdrawForm
    title = _("Withdraw the request")

    def prepare(self) -> None:
        self.object = find(self, "withdraw")

    def act(self, form: WithdrawForm) -> AllocationRequest:
        return services.request_withdraw(
            actor=self.actor, request=self.object, reason=form.cleaned_data["reason"]
        )


def find(page: RequestAct, action: str) -> AllocationRequest:
    """The request of a page that is about `action`. Raises Http404, NotAllowed or IllegalState."""
    viewer = page.actor
    request: AllocationRequest = get_object_or_404(selectors.detailed(viewer), code=page.kwargs["code"])
    if action not in actions_for(viewer, request):
        require(viewer, PERMISSION_OF["submit" if action == "edit" else action], request)
        raise IllegalState(
            _("This request is “%(state)s”: that isn't possible now.")
            % {"state": request.get_state_display()}
        )
    return request


def typed(form: RequestForm) -> dict[str, Any]:
    """The form's input as the services take it."""
    data = dict(form.cleaned_data)
    gpu_hours = data.pop("gpu_hours")
    return {**data, "gpu_seconds": None if gpu_hours is None else hours_to_seconds(gpu_hours)}
