"""Whether jobs are sent, to all sites and to each, and the switches that stop it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.foundation.policies import require
from portal.foundation.web import FormPage, Page
from scheduler_bridge.installation import standing
from scheduler_bridge.installation.services import sending_resume, sending_stop
from scheduler_bridge.installation.web.forms import SendingForm


class Sending(Page):
    """What keeps jobs from being sent, and each cluster's switch."""

    title = _("Sending of jobs")
    template_name = "bridge/sending.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            require(request.user, "bridge.stop_sending", message=_("Only admins see this."))
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        troubles = standing.troubles()
        national = [trouble for trouble in troubles if trouble.cluster is None]
        return super().get_context_data(
            troubles=national,
            stopped_nationally=any(trouble.stop for trouble in national),
            rows=standing.clusters(),
            **kwargs,
        )


class SendingSwitch(FormPage):
    """One of the two switches; `?cluster=` presets where."""

    form_class = SendingForm

    def prepare(self) -> None:
        require(self.request.user, "bridge.stop_sending", message=_("Only admins see this."))

    def get_initial(self) -> dict[str, Any]:
        return {"cluster": self.request.GET.get("cluster", "")}

    def page_context(self) -> dict[str, Any]:
        sending = reverse("sending")
        return {"crumbs": [{"label": _("Sending of jobs"), "href": sending}], "back_url": sending}


class SendingStopPage(SendingSwitch):
    title = _("Stop sending jobs")
    submit_label = _("Stop sending")

    def page_context(self) -> dict[str, Any]:
        lede = _("Jobs wait here until it goes on. What runs at the sites runs on, and cancels still work.")
        return {**super().page_context(), "lede": lede, "danger": True}

    def act(self, form: SendingForm) -> str:
        sending_stop(actor=self.request.user, **form.cleaned_data)  # type: ignore[arg-type]
        messages.success(self.request, gettext("Nothing more is sent there."))
        return reverse("sending")


class SendingResumePage(SendingSwitch):
    title = _("Let sending go on")
    submit_label = _("Let it go on")

    def act(self, form: SendingForm) -> str:
        sending_resume(actor=self.request.user, **form.cleaned_data)  # type: ignore[arg-type]
        messages.success(self.request, gettext("Sending goes on there."))
        return reverse("sending")
