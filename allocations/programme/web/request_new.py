"""Beginning a request, the short way and the long, and handing it in."""

import contextlib
import secrets
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import resolve, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views import View

from allocations.programme import choices, papers, selectors, services
from allocations.programme.checks import Problem, problems, warnings
from allocations.programme.models import AllocationRequest
from allocations.programme.services.writing import Line, Run
from allocations.programme.tracks import promise, track_for
from allocations.programme.web.request_forms import PurposeForm, QuickForm, SubmitForm
from allocations.programme.web.request_steps import ROW, STEP_OF, free_capacity, steps_of
from allocations.programme.web.views import RequestAct, find
from allocations.projects.selectors import organisations_to_propose_for
from allocations.projects.services import project_create
from allocations.projects.services.projects import check_proposer
from portal.foundation import clock
from portal.foundation.errors import InvalidInput, NotAllowed
from portal.foundation.services.once import once
from portal.foundation.units import hours_to_seconds
from portal.foundation.web import ObjectMixin
from portal.people.services.terms import consent_give

FIRST_A_PROJECT = _("Begin a project first, or ask a project's principal investigator to make you a manager.")
USUAL_DAYS = 30


class Beginning(RequestAct):
    """What both ways of beginning share. Who leads no project is led to begin one: that comes first."""

    begins_projects: ClassVar[bool] = False

    def prepare(self) -> None:
        self.leads = selectors.projects_led_by(self.actor).exists()
        # Projects belong to organisations: who is in none begins with that.
        self.organisations = [] if self.leads else list(organisations_to_propose_for(self.actor))
        self.may_write = self.leads or (self.begins_projects and bool(self.organisations))
        if not self.may_write and self.request.method == "POST":
            raise NotAllowed(_("You lead no project yet."), remedy=FIRST_A_PROJECT)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.may_write:
            return super().get(request, *args, **kwargs)
        messages.info(request, gettext("You lead no project yet.") + f" {FIRST_A_PROJECT}")
        return redirect("project_new" if self.organisations else "organisations")

    def form_options(self) -> dict[str, Any]:
        return {"user": self.actor}

    def page_context(self) -> dict[str, Any]:
        return {
            "key": self.request.POST.get("key") or secrets.token_urlsafe(16),
            "query": self.request.GET.urlencode(),
        }

    def only_project(self) -> str | None:
        led = list(selectors.projects_led_by(self.actor)[:2])
        return led[0].code if len(led) == 1 else None

    def once(self, act: Any, again: Any) -> str:
        """Where `act` led: sent twice, a form acts once. `again` is called with where the first time led."""
        acted: list[str] = []

        def acting() -> str:
            acted.append(to := act())
            return to

        key = self.request.POST.get("key", "")
        to = once(actor=self.actor, key=key, act=acting) if key else acting()
        if not acted:
            again(to)
        return to

    def tell_again(self, to: str) -> None:
        messages.info(self.request, gettext("It had arrived already, with what you had typed by then."))


class RequestNew(Beginning):
    """The short way: what the smallest track decides by rule, on one page; a first project comes with it."""

    template_name = "programme/request_form_quick.html"
    form_class = QuickForm
    begins_projects = True
    title = _("New request")
    submit_label = _("Submit the request")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.may_write and choices.quick_version() is None:
            return redirect(f"{reverse('request_new_full')}?{request.GET.urlencode()}")
        return super().get(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        asked = self.request.GET
        found: dict[str, Any] = {
            "project": asked.get("project", self.only_project()),
            "organisation": self.organisations[0].code if len(self.organisations) == 1 else None,
            "resource": asked.get("resource"),
            "ends_on": clock.today() + timedelta(days=USUAL_DAYS),
            "justification": asked.get("model", ""),
        }
        with contextlib.suppress(KeyError, ValueError):
            found["gpu_hours"] = f"{float(asked['gpus']) * float(asked['hours']) * float(asked['runs']):g}"
        return found

    def page_context(self) -> dict[str, Any]:
        version = choices.quick_version()
        way = promise(version) if version else None
        found = {"promise": way, "version": version, "hindrances": self._hindrances(), **free_capacity()}
        return super().page_context() | found

    def _hindrances(self) -> list[str]:
        """Why no project can be begun yet for any of the person's organisations, told before they type."""
        found = []
        for body in self.organisations:
            try:
                check_proposer(self.actor, body)
            except NotAllowed as error:
                found.append(error.text)
            else:
                return []
        return list(dict.fromkeys(found))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = QuickForm(request.POST, user=self.actor)
        form.is_valid()
        if "full" in request.POST and form.names_project():
            form.errors.clear()  # what is missing yet, the full form asks for
            return self.attempt(form, self._go_on)
        return super().post(request, *args, **kwargs)

    def _go_on(self, form: QuickForm) -> str:
        return self.once(lambda: reverse("request_edit", args=[self._draft(form).code]), self.tell_again)

    def act(self, form: QuickForm) -> str:
        return self.once(lambda: self._submitted(form).get_absolute_url(), self.tell_again)

    @transaction.atomic
    def _submitted(self, form: QuickForm) -> AllocationRequest:
        request = self._draft(form)
        version = track_for(request)
        if version is None or not choices.by_rule(version):
            raise InvalidInput(
                _("So much isn't decided by rule."),
                field="gpu_hours",
                remedy=_("Ask for less, or go on with the full form: what you typed goes along."),
            )
        # Whoever needs more GPUs at once says so in the full form's run table.
        run = Run(gettext("One GPU at a time"), gpus=1, hours=form.cleaned_data["gpu_hours"])
        request = services.request_update(actor=self.actor, request=request, runs=[run])
        if form.cleaned_data.get("consent"):
            consent_give(self.actor)
        return services.request_submit(actor=self.actor, request=request)

    @transaction.atomic
    def _draft(self, form: QuickForm) -> AllocationRequest:
        data = form.cleaned_data
        new = {name: data[name] for name in form.of_new_project}
        resource, any_suitable = data.get("resource") or (None, False)
        hours = data.get("gpu_hours")
        line = Line(resource, any_suitable, hours_to_seconds(hours) if hours else None)
        return services.request_create(
            actor=self.actor,
            project=project_create(actor=self.actor, **new) if new else data["project"],
            lines=[line],
            starts_on=clock.today(),
            ends_on=data.get("ends_on"),
            justification=data.get("justification") or "",
            ai_risk=data.get("ai_risk") or "",
        )


class RequestNewFull(Beginning):
    """The long way: the first step makes the draft, the others follow."""

    template_name = "programme/request_form.html"
    form_class = PurposeForm
    title = _("New request")
    submit_label = _("Save and continue")

    def get_initial(self) -> dict[str, Any]:
        asked = self.request.GET
        return {
            "project": asked.get("project", self.only_project()),
            "call": asked.get("call"),
            "renews": asked.get("renews"),
            "wanted_track": asked.get("track"),
        }

    def page_context(self) -> dict[str, Any]:
        return super().page_context() | {
            "draft": "new",
            "parts": "programme/_request_edit.html",
        }

    def act(self, form: PurposeForm) -> str:
        changes = form.changes()
        if "project" not in changes:
            raise InvalidInput(_("Choose a project."), field="project")
        return self.once(lambda: self._begun(changes), lambda to: self._go_on(to, changes))

    def _begun(self, changes: dict[str, Any]) -> str:
        asked = self.request.GET
        request = services.request_create(actor=self.actor, starts_on=clock.today(), **changes)
        if "close" in self.request.POST:
            return request.get_absolute_url()
        row = {name: asked[name] for name in ROW if name in asked}
        return f"{reverse('request_amounts', args=[request.code])}{'?' if row else ''}{urlencode(row)}"

    def _go_on(self, to: str, changes: dict[str, Any]) -> None:
        """The answer was lost and typing went on: the draft that was begun takes that too."""
        code = resolve(to.partition("?")[0]).kwargs["code"]
        begun = get_object_or_404(selectors.detailed(self.actor), code=code)
        services.request_update(actor=self.actor, request=begun, **changes)


class RequestSubmit(RequestAct):
    """The last step: what is missing, which way it goes, then hand it in."""

    template_name = "programme/request_submit.html"
    form_class = SubmitForm
    title = _("Check and submit")
    submit_label = _("Submit the request")

    def prepare(self) -> None:
        self.object = find(self, "submit")

    def form_options(self) -> dict[str, Any]:
        return {"user": self.actor}

    def page_context(self) -> dict[str, Any]:
        version = track_for(self.object)
        return {
            "steps": steps_of(self.object, "request_submit"),
            "promise": promise(version) if version else None,
            "problems": with_steps(self.object, problems(self.object)),
            "warnings": warnings(self.object),
            "attachments": self.object.attachments.filter(removed_at__isnull=True),
        }

    @transaction.atomic
    def act(self, form: Any) -> AllocationRequest:
        if form.cleaned_data.get("consent"):
            consent_give(self.actor)
        return services.request_submit(actor=self.actor, request=self.object)


class AttachmentFile(ObjectMixin, View):
    """A PDF that was handed in, for those who see the request."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        attachment = get_object_or_404(
            choices.attachments_visible_to(request.user),
            code=kwargs["attachment"],
            request__code=kwargs["code"],
        )
        reply: Any = papers.response_of(attachment.file, name=attachment.code)
        return reply


def with_steps(request: AllocationRequest, found: list[Problem]) -> list[dict[str, Any]]:
    """Each problem with the address of the step at which it is put right."""
    return [
        {
            "message": problem.message,
            "remedy": problem.remedy,
            "about": problem.about,
            "url": reverse(STEP_OF.get(problem.field, "request_edit"), args=[request.code]),
        }
        for problem in found
    ]
