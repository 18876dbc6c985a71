"""Sending a job: the form, what it would cost, and cancelling."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from portal.foundation.errors import DomainError, IllegalState
from portal.foundation.policies import require
from portal.foundation.web import FormPage, attach
from scheduler_bridge.jobs import selectors, services
from scheduler_bridge.jobs.sizing import estimate
from scheduler_bridge.jobs.web.examples import example_script
from scheduler_bridge.jobs.web.fields import gigabytes_shown
from scheduler_bridge.jobs.web.forms import CancelForm, JobForm, SizeForm, ignored_lines, in_page_terms
from scheduler_bridge.jobs.web.views import Live, may_be_cancelled
from scheduler_bridge.models import Job
from scheduler_bridge.placement.rules import Size


class JobNew(FormPage):
    """`?allocation=` chooses where; `?again=` begins with what another job was; POST with `check` only
    shows the cost."""

    template_name = "jobs/job_form.html"
    form_class = JobForm
    title = _("New job")
    submit_label = _("Send the job")

    def form_options(self) -> dict[str, Any]:
        return {"user": self.request.user}

    def get_initial(self) -> dict[str, Any]:
        return self.starting_point

    @cached_property
    def starting_point(self) -> dict[str, Any]:
        """What the form begins with: another job, or one GPU for an hour on the allocation asked for."""
        query = self.request.GET
        if again := query.get("again"):
            return as_before(
                get_object_or_404(selectors.detailed(self.request.user), code=again), self.request
            )
        usable = list(selectors.usable_by(self.request.user))
        wanted = query.get("allocation") or (usable[0].code if len(usable) == 1 else "")
        chosen = next((allocation for allocation in usable if allocation.code == wanted), None)
        return {
            "allocation": chosen.code if chosen else "",
            "gpus": query.get("gpus") or 1,
            "cpus": query.get("cpus", ""),
            "memory_mb": query.get("memory_mb", ""),
            "wall_minutes": query.get("wall_minutes") or 60,
            "script": example_script(chosen),
        }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "check" not in request.POST:
            return super().post(request, *args, **kwargs)
        form = JobForm(request.POST, **self.form_options(), checking=True)
        if form.is_valid() and (refusal := cost_panel(form)["estimate"].refusal):
            attach(form, refusal)
        return self.show(form, status=422 if form.errors else 200)

    def show(self, form: Any, status: int = 200) -> HttpResponse:
        self.form = form
        return super().show(form, status)

    def page_context(self) -> dict[str, Any]:
        form = self.form
        # A form that was never sent is reckoned as if it had been, with what it begins with.
        checked = form if form.is_bound else SizeForm(self._begun(form), user=self.request.user)
        checked.is_valid()
        return {
            **cost_panel(checked),
            "usable": form.usable,
            "ignored_lines": ignored_lines(checked.data.get("script", "")),
            "was_checked": form.is_bound and not form.errors,
        }

    @staticmethod
    def _begun(form: JobForm) -> dict[str, Any]:
        return {name: form[name].value() for name in SizeForm.base_fields}

    def act(self, form: JobForm) -> Job:
        data = form.cleaned_data
        try:
            job = services.job_submit(
                actor=self.request.user,  # type: ignore[arg-type]
                allocation=data["allocation"],
                title=data["title"],
                script=data["script"],
                size=cast(Size, form.size),  # a valid form has one
            )
        except DomainError as error:
            raise in_page_terms(error) from error
        messages.success(self.request, gettext("The job is on its way."))
        return job


def as_before(job: Job, request: HttpRequest) -> dict[str, Any]:
    """What another job was, for sending it again. Raises NotAllowed for who may not read its script."""
    require(request.user, "bridge.read_script", job)
    return {
        "allocation": job.allocation.code,
        "title": job.title,
        "gpus": job.gpus,
        "cpus": job.cpus,
        "memory_mb": job.memory_mb,
        "wall_minutes": job.wall_minutes,
        "script": job.script,
    }


class JobCost(Live, LoginRequiredMixin, View):
    """The cost panel for what stands in the form, as htmx asks while somebody types."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect(f"{reverse('job_new')}?{request.GET.urlencode()}")
        form = SizeForm(request.GET, user=request.user)
        form.is_valid()
        return render(request, "jobs/_cost.html", cost_panel(form))


def cost_panel(form: SizeForm) -> dict[str, Any]:
    """The context of the cost panel, for a form whose data was checked."""
    size = form.size
    if size is None:
        return {"estimate": None}
    shown = estimate(form.user, form.cleaned_data["allocation"], size)
    if shown.refusal:
        in_page_terms(shown.refusal)
    rupees = shown.cost.rupees
    return {
        "estimate": shown,
        "missing": -shown.cost.left,
        "memory": gigabytes_shown(size.memory_mb),
        "price": None if rupees is None else gettext("PKR %s") % f"{rupees:,}",
    }


class JobCancel(FormPage):
    template_name = "jobs/job_cancel.html"
    form_class = CancelForm
    title = _("Cancel the job")
    submit_label = _("Cancel the job")

    def prepare(self) -> None:
        self.object = get_object_or_404(selectors.detailed(self.request.user), code=self.kwargs["code"])
        if self.request.method == "GET":
            require(self.request.user, "bridge.cancel_job", self.object)
            if not may_be_cancelled(self.object):
                raise IllegalState(gettext("This job has ended, or its cancel was asked for already."))

    def act(self, form: CancelForm) -> Job:
        job = services.job_cancel(
            actor=self.request.user,  # type: ignore[arg-type]
            job=self.object,
            reason=form.cleaned_data["reason"],
        )
        messages.success(
            self.request,
            gettext("The job is cancelled.")
            if job.has_ended
            else gettext("The site was asked to cancel it."),
        )
        return job
